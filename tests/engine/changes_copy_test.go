package engine_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/lib/pq"

	"simtransfer/client"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// changesCopy is a consumer of the changes feed: it keeps a copy of the inventory
// and a cursor, stores both together, and loses what it has not stored when it is
// stopped.
type changesCopy struct {
	service *client.Client
	random  *rand.Rand
	stops   int

	// What is stored.
	cursor string
	sims   map[string]copiedSIM // by ICCID
}

// copiedSIM is what the feed says of a SIM. A status or a plan is empty until it
// changes: the entry of a new SIM does not have them.
type copiedSIM struct {
	ID           int64
	Owner        transfer.OperatorID
	Status, Plan string
	IMSIs        []string
	MSISDNs      []string
	EID          string
	ExternalID   string
}

// errStopped stops the consumer at a random place.
var errStopped = errors.New("stopped")

// follow reads the feed until the context ends.
func (c *changesCopy) follow(ctx context.Context) error {
	for ctx.Err() == nil {
		err := c.run(ctx, 1+c.random.IntN(40), c.random.IntN(3) == 0)
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, errStopped):
			c.stops++
		case err != nil:
			return err
		}
	}
	return nil
}

// run is one life of the consumer, which ends after some entries. It stores what
// it has at random.
func (c *changesCopy) run(ctx context.Context, life int, stream bool) error {
	sims, cursor := maps.Clone(c.sims), c.cursor
	if sims == nil {
		sims = map[string]copiedSIM{}
	}
	from := client.ChangesFrom{Cursor: cursor}
	entry := func(e client.Change) error {
		if life--; life < 0 {
			return errStopped
		}
		if err := applyChange(sims, e); err != nil {
			return err
		}
		cursor = e.Cursor
		if c.random.IntN(5) == 0 {
			c.sims, c.cursor = maps.Clone(sims), cursor
		}
		return nil
	}
	if stream {
		for e, err := range c.service.StreamChanges(ctx, client.ChangesFilter{}, from) {
			if err == nil {
				err = entry(e)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	rows, err := c.service.ReadChanges(ctx, client.ChangesFilter{}, from, 1+c.random.IntN(30))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for e, err := range rows.All() {
		if err == nil {
			err = entry(e)
		}
		if err != nil {
			return err
		}
	}
	c.sims, c.cursor = sims, rows.NextCursor
	return nil
}

// catchUp reads the feed to its end.
func (c *changesCopy) catchUp(ctx context.Context) error {
	for {
		was := c.cursor
		if err := c.run(ctx, 1<<30, false); err != nil {
			return err
		}
		if c.cursor == was {
			return nil
		}
	}
}

// applyChange changes a copy. It returns an error if an entry does not follow from
// those before it.
func applyChange(sims map[string]copiedSIM, e client.Change) error {
	was, known := sims[e.ICCID]
	is := was
	owner, status, plan := string(was.Owner), was.Status, was.Plan
	before := string(e.To.Account)
	if e.From != nil {
		before = string(e.From.Account)
	}
	switch {
	case e.Kind == transfer.SIMCreated && (known || e.Status == nil || e.Plan == nil):
		return fmt.Errorf("%s is created at %s, after %+v, with the status %v and the plan %v", e.ICCID, e.Cursor, was, e.Status, e.Plan)
	case e.Kind == transfer.SIMCreated:
		was.ID, owner = e.SIMID, before
	case !known:
		return fmt.Errorf("%s has the change %s before it was created", e.ICCID, e.Kind)
	}
	if e.SIMID != was.ID {
		return fmt.Errorf("the change %s of %s at %s is of SIM %d, but the ICCID names SIM %d", e.Kind, e.ICCID, e.Cursor, e.SIMID, was.ID)
	}
	if before != owner {
		return fmt.Errorf("the change %s of %s at %s begins with the owner %s, but the changes before end with %s", e.Kind, e.ICCID, e.Cursor, before, owner)
	}
	if e.Status != nil {
		if e.Status.From != status {
			return fmt.Errorf("the status of %s changes from %s at %s, but the changes before end with %s", e.ICCID, e.Status.From, e.Cursor, status)
		}
		is.Status = e.Status.To
	}
	if e.Plan != nil {
		if e.Plan.From != plan {
			return fmt.Errorf("the plan of %s changes from %s at %s, but the changes before end with %s", e.ICCID, e.Plan.From, e.Cursor, plan)
		}
		is.Plan = e.Plan.To
	}
	if e.Kind == transfer.SIMRetired {
		delete(sims, e.ICCID)
		return nil
	}
	is.ID, is.Owner, is.IMSIs, is.MSISDNs, is.EID, is.ExternalID = e.SIMID, e.To.Account, e.IMSIs, e.MSISDNs, e.EID, e.ExternalID
	sims[e.ICCID] = is
	return nil
}

// compare compares the copy with the database.
func (c *changesCopy) compare(t *testing.T, db *storagetest.DB) {
	t.Helper()
	rows := storagetest.All[struct {
		ID         int64               `db:"id"`
		ICCID      string              `db:"iccid"`
		Owner      transfer.OperatorID `db:"owner"`
		Status     string              `db:"status"`
		Plan       string              `db:"plan"`
		IMSIs      pq.StringArray      `db:"imsis"`
		MSISDNs    pq.StringArray      `db:"msisdns"`
		EID        string              `db:"eid"`
		ExternalID string              `db:"external_id"`
	}](db, `
		SELECT
			s.id,
			s.iccid,
			a.operator_id AS owner,
			s.status,
			s.plan,
			ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'imsi' ORDER BY identifier) AS imsis,
			ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'msisdn' ORDER BY identifier) AS msisdns,
			coalesce(d.eid, '') AS eid,
			coalesce(d.external_id, '') AS external_id
		FROM sims s
		JOIN accounts a ON a.id = s.account
		LEFT JOIN sim_details d ON d.sim = s.id
		WHERE s.id NOT IN (SELECT sim FROM retired_sims)`)
	want := map[string]copiedSIM{}
	for _, s := range rows {
		want[s.ICCID] = copiedSIM{s.ID, s.Owner, s.Status, s.Plan, s.IMSIs, s.MSISDNs, s.EID, s.ExternalID}
	}
	if diff := gocmp.Diff(want, c.sims); diff != "" {
		t.Errorf("the copy differs from the database (-database +copy):\n%s", diff)
		for iccid := range want {
			if !gocmp.Equal(want[iccid], c.sims[iccid]) {
				t.Logf("the changes of %s:\n\t%s", iccid, strings.Join(changesOf(db, iccid), "\n\t"))
			}
		}
	}
}

// changesOf describes the changes of the SIMs that have an ICCID, or had it.
func changesOf(db *storagetest.DB, iccid string) []string {
	return storagetest.All[string](db, `
		SELECT format('number %s, id %s, at %s, %s of SIM %s: %s to %s', c.seq, c.id, c.at, c.kind, s.id, c.before, c.after)
		FROM sims s
		JOIN changes c ON s.id = ANY (c.sims)
		WHERE s.iccid = $1
		ORDER BY c.seq`, iccid)
}
