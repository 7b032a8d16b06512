package storage_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

func pull(t *testing.T, db *storagetest.DB, asker storage.Account, iccids ...string) (storage.Pull, error) {
	t.Helper()
	list := make([]transfer.Identifier, len(iccids))
	for i, text := range iccids {
		list[i] = storagetest.Identifier(text)
	}
	var made storage.Pull
	err := db.InTx(t.Context(), func(tx *storage.Tx) error {
		var err error
		made, err = tx.CreatePull(t.Context(), storage.NewPull{
			Asker: asker, ICCIDs: list, Reference: "PO-1", Message: "as agreed", Period: time.Hour, By: storage.Actor{Party: transfer.PartyDestination},
		}, storage.DefaultLimits{OpenPulls: 3, PulledSIMs: 20})
		return err
	})
	return made, err
}

func answerPull(t *testing.T, db *storagetest.DB, id uuid.UUID, owner storage.Account, decision transfer.PullDecision, sims ...string) (storage.Pull, error) {
	t.Helper()
	a := storage.PullAnswer{
		Owner: owner, Decision: decision, Acceptance: time.Hour, Review: time.Hour, By: storage.Actor{Party: transfer.PartySource},
	}
	for _, text := range sims {
		a.SIMs = append(a.SIMs, storagetest.Identifier(text))
	}
	var p storage.Pull
	err := db.InTx(t.Context(), func(tx *storage.Tx) error {
		var err error
		p, err = tx.AnswerPull(t.Context(), id, a)
		return err
	})
	return p, err
}

func seen(t *testing.T, db *storagetest.DB, viewer storage.Account) []storage.Pull {
	t.Helper()
	list, err := db.Pulls(t.Context(), storage.PullFilter{Viewer: viewer.ID, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Each owner sees its own SIMs only, and decides on its part; the asker reads the
// same of its pull request, no matter who owns the SIMs and what they decide.
func TestPull(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	asker, north, south, other := db.Account(), db.Account(), db.Account(), db.Account()
	of := func(a storage.Account, n int) []storagetest.SIM { return db.SIMs(n, storagetest.SIM{Account: a.ID}) }
	n, s := of(north, 3), of(south, 2)
	made, err := pull(t, db, asker, unknownICCID(1), n[1].ICCID, s[0].ICCID, n[0].ICCID, s[1].ICCID)
	if err != nil {
		t.Fatal(err)
	}
	nobody, err := pull(t, db, asker, unknownICCID(2), unknownICCID(3), unknownICCID(4), unknownICCID(5), unknownICCID(6))
	if err != nil {
		t.Fatal(err)
	}
	same := func(when string) {
		t.Helper()
		list := seen(t, db, asker)
		if len(list) != 2 {
			t.Fatalf("%s: %+v", when, list)
		}
		for i := range list {
			list[i].ID, list[i].CreatedAt, list[i].ExpiresAt = uuid.Nil, time.Time{}, time.Time{}
		}
		if d := cmp.Diff(list[0], list[1]); d != "" || list[0].State != transfer.PullOpen {
			t.Errorf("%s: the asker can tell the pull requests apart: %s %+v", when, d, list[0])
		}
	}
	same("asked")
	for _, test := range []struct {
		owner storage.Account
		sims  []string
	}{{north, []string{n[1].ICCID, n[0].ICCID}}, {south, []string{s[0].ICCID, s[1].ICCID}}} {
		inbox := seen(t, db, test.owner)
		if len(inbox) != 1 || inbox[0].ID != made.ID || inbox[0].Size != 2 || inbox[0].Asker != asker.OperatorID || *inbox[0].Message != "as agreed" {
			t.Fatalf("%+v", inbox)
		}
		if sims, err := db.PullSIMs(t.Context(), made.ID, test.owner.ID); err != nil || !slices.Equal(sims, test.sims) {
			t.Errorf("%v %v, want %v", sims, err, test.sims)
		}
	}
	if inbox := seen(t, db, other); len(inbox) != 0 {
		t.Errorf("%+v", inbox)
	}
	if _, err := db.Pull(t.Context(), nobody.ID, north.ID); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if _, err := answerPull(t, db, made.ID, other, transfer.ApprovePull); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("%v", err)
	}
	var unknown *storage.NotAskedForError
	if _, err := answerPull(t, db, made.ID, north, transfer.ApprovePull, n[0].ICCID, n[2].ICCID, s[0].ICCID); !errors.As(err, &unknown) || len(unknown.Identifiers) != 2 {
		t.Errorf("%v", err)
	}
	if p, err := answerPull(t, db, made.ID, south, transfer.RefusePull); err != nil || p.State != transfer.PullRefused {
		t.Errorf("%+v %v", p, err)
	}
	same("refused")
	p, err := answerPull(t, db, made.ID, north, transfer.ApprovePull, n[0].ICCID)
	if err != nil || p.State != transfer.PullApproved || p.Size != 1 || len(p.Requests) != 1 {
		t.Fatalf("%+v %v", p, err)
	}
	same("approved, but not offered")
	request := db.Find(uuid.MustParse(p.Requests[0]))
	if request.Source != north.ID || request.Destination != asker.ID || request.Size != 1 || *request.Reference != "PO-1" || request.Message != nil {
		t.Errorf("%+v", request)
	}
	var state *transfer.PullStateError
	if _, err := answerPull(t, db, made.ID, north, transfer.RefusePull); !errors.As(err, &state) || state.State != transfer.PullApproved {
		t.Errorf("%v", err)
	}
	validate(t, db, request.ID)
	if p, err := db.Pull(t.Context(), made.ID, asker.ID); err != nil || p.State != transfer.PullOpen || !slices.Equal(p.Requests, []string{request.ID.String()}) {
		t.Errorf("%+v %v", p, err)
	}
	db.Check()

	// Support sees the owners.
	owners, err := db.PullOwners(t.Context(), made.ID)
	if err != nil || len(owners) != 2 || owners[0].Owner != north.OperatorID || *owners[0].Decision != "approved" || *owners[1].Decision != "refused" {
		t.Errorf("%+v %v", owners, err)
	}
}

func TestPullOfOwnSIMs(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	asker := db.Account()
	sims := db.SIMs(2, storagetest.SIM{Account: asker.ID})
	own := &storage.OwnSIMsError{}
	if _, err := pull(t, db, asker, unknownICCID(1), sims[1].ICCID); !errors.As(err, &own) || !slices.Equal(own.Places, []int64{1}) {
		t.Errorf("%v", err)
	}
	checkCount(t, db, 0, `SELECT count(*) FROM pulls`)
}

// Limits do not depend on answers, and a canceled pull request counts for the
// SIMs of the day.
func TestPullLimits(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	asker := db.Account()
	ask := func(n int) (storage.Pull, error) {
		var list []string
		for i := range n {
			list = append(list, unknownICCID(i))
		}
		return pull(t, db, asker, list...)
	}
	limited := func(n int, name storage.LimitName) {
		t.Helper()
		var limit *storage.LimitError
		if _, err := ask(n); !errors.As(err, &limit) || limit.Name != name {
			t.Errorf("%v", err)
		}
	}
	first, err := ask(18)
	if err != nil {
		t.Fatal(err)
	}
	limited(3, storage.LimitPulledSIMs)
	for range 2 {
		if _, err := ask(1); err != nil {
			t.Fatal(err)
		}
	}
	limited(1, storage.LimitOpenPulls)
	if err := db.InTx(t.Context(), func(tx *storage.Tx) error {
		p, err := tx.CancelPull(t.Context(), storage.System(), first.ID, asker.ID, nil)
		if p.State != transfer.PullCanceled {
			t.Errorf("%+v", p)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	limited(1, storage.LimitPulledSIMs)
}

// Silence refuses; a SIM that has left the account is no longer its to send; and
// closing an account ends what it asks for and is asked for.
func TestPullEnds(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	asker, owner := db.Account(), db.Account()
	sims := db.SIMs(2, storagetest.SIM{Account: owner.ID})
	ask := func() uuid.UUID {
		t.Helper()
		p, err := pull(t, db, asker, sims[0].ICCID, sims[1].ICCID)
		if err != nil {
			t.Fatal(err)
		}
		return p.ID
	}
	state := func(id uuid.UUID, viewer storage.Account, want transfer.PullState) {
		t.Helper()
		if p, err := db.Pull(t.Context(), id, viewer.ID); err != nil || p.State != want {
			t.Errorf("%+v %v, want %s", p, err, want)
		}
	}
	silent := ask()
	db.Exec(`UPDATE pulls SET expires_at = clock_timestamp() - interval '1 s'`)
	state(silent, asker, transfer.PullExpired)
	state(silent, owner, transfer.PullExpired)
	var late *transfer.PullStateError
	if _, err := answerPull(t, db, silent, owner, transfer.ApprovePull); !errors.As(err, &late) {
		t.Errorf("%v", err)
	}
	db.Exec(`UPDATE pulls SET created_at = created_at - interval '3 days', expires_at = expires_at - interval '2 days'`)
	if n, err := db.PurgeOffers(t.Context(), 24*time.Hour, 10); err != nil || n != 1 {
		t.Errorf("purged %d, %v", n, err)
	}
	checkCount(t, db, 0, `SELECT count(*) FROM pull_owners`)

	left := ask()
	db.Exec(`UPDATE sims SET account = $1 WHERE id = $2`, db.Account().ID, sims[0].ID)
	if got, err := db.PullSIMs(t.Context(), left, owner.ID); err != nil || !slices.Equal(got, []string{sims[1].ICCID}) {
		t.Errorf("%v %v", got, err)
	}
	db.Exec(`UPDATE sims SET account = $1 WHERE id = $2`, db.Account().ID, sims[1].ID)
	if list := seen(t, db, owner); len(list) != 0 {
		t.Errorf("%+v", list)
	}
	db.Exec(`UPDATE sims SET account = $1`, owner.ID)

	closing := ask()
	closed := storage.StandingClosed
	if _, err := db.UpdateAccount(t.Context(), storage.System(), owner.OperatorID.Ref(), storage.AccountChange{Standing: &closed}); err != nil {
		t.Fatal(err)
	}
	state(closing, owner, transfer.PullRefused)
	state(closing, asker, transfer.PullOpen)
	if _, err := db.UpdateAccount(t.Context(), storage.System(), asker.OperatorID.Ref(), storage.AccountChange{Standing: &closed}); err != nil {
		t.Fatal(err)
	}
	state(closing, asker, transfer.PullCanceled)
}

// Of many decisions of one owner at once, one counts.
func TestPullDecisionsRace(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	asker, owner := db.Account(), db.Account()
	sims := db.SIMs(2, storagetest.SIM{Account: owner.ID})
	p, err := pull(t, db, asker, sims[0].ICCID, sims[1].ICCID)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	done := 0
	for i := range 6 {
		wg.Go(func() {
			decision := transfer.ApprovePull
			if i%2 == 0 {
				decision = transfer.RefusePull
			}
			_, err := answerPull(t, db, p.ID, owner, decision)
			var state *transfer.PullStateError
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				done++
			case !errors.As(err, &state):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if done != 1 {
		t.Errorf("%d decisions", done)
	}
	db.Check()
}

func checkCount(t *testing.T, db *storagetest.DB, want int, query string, args ...any) {
	t.Helper()
	var n int
	if db.Get(&n, query, args...); n != want {
		t.Errorf("%s: %d, want %d", query, n, want)
	}
}
