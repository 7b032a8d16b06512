package storage

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/transfer"
)

// SIMDetails are what the operator's own systems know of a SIM; nil: nothing.
type SIMDetails struct {
	EID        *string `db:"eid"`         // of the eUICC that holds the profile; 32 digits
	Lot        *string `db:"lot"`         // the order or box that the SIM came in
	ExternalID *string `db:"external_id"` // in the operator's inventory; unique
}

// SIM is a SIM as its owner sees it.
type SIM struct {
	ID           int64               `db:"id"`
	OperatorID   transfer.OperatorID `db:"operator_id"` // of the owner
	AccountID    *string             `db:"account_external_id"`
	Since        time.Time           `db:"since"` // when the SIM was registered to the owner
	ICCID        string              `db:"iccid"`
	IMSIs        pq.StringArray      `db:"imsis"`
	MSISDNs      pq.StringArray      `db:"msisdns"`
	Status       transfer.Status     `db:"status"`
	Plan         string              `db:"plan"`
	TransferLock bool                `db:"transfer_lock"`
	UpdatedAt    time.Time           `db:"updated_at"` // when it last changed, also by a transfer
	RetiredAt    *time.Time          `db:"retired_at"` // when it was retired as a wrong import; nil: it was not
	SIMDetails
	SIMSettings
	Online           bool                   `db:"online"`  // has an open data session
	Request          *uuid.UUID             `db:"request"` // the request that holds the claim on the SIM; nil: none
	RequestState     *transfer.RequestState `db:"request_state"`
	RequestExpiresAt *time.Time             `db:"request_expires_at"`
}

// selectSIMSQL selects SIMs s with their owners, identifiers, sessions and open
// transfers. It looks up the sessions of each SIM: with EXISTS, the planner may
// read all open sessions into a hash table.
func selectSIMSQL() string {
	return `SELECT
	s.id,
	a.operator_id,
	a.external_id AS account_external_id,
	s.since,
	s.iccid,
	ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'imsi' ORDER BY identifier) AS imsis,
	ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'msisdn' ORDER BY identifier) AS msisdns,
	s.status,
	s.plan,
	s.transfer_lock,
	greatest(s.since, s.updated_at) AS updated_at,
	q.at AS retired_at,
	d.eid,
	d.lot,
	d.external_id,
	` + settingNames("s.") + `,
	(SELECT true FROM radius.radacct WHERE sim = s.id AND acctstoptime IS NULL LIMIT 1) IS NOT NULL AS online,
	o.request,
	r.state AS request_state,
	r.expires_at AS request_expires_at
FROM sims s
JOIN accounts a ON a.id = s.account
LEFT JOIN sim_details d ON d.sim = s.id
LEFT JOIN retired_sims q ON q.sim = s.id
LEFT JOIN open_transfers o ON o.sim = s.id
LEFT JOIN requests r ON r.id = o.request`
}

var selectSIM = newStatement(statement{
	name:    "select_sim",
	does:    "Reads the SIM that an identifier names.",
	given:   "@identifier; @account that the SIM has to be registered to (0: any).",
	returns: "The SIM; none if there is no such SIM.",
	text: selectSIMSQL() + `
WHERE s.id = (SELECT sim FROM identifiers WHERE identifier = @identifier)
  AND (@account = 0 OR s.account = @account)`,
})

// SIM returns the SIM that an identifier names. It returns ErrNotFound if there
// is none, or if it is not registered to the account; account 0 sees all SIMs.
func (db *DB) SIM(ctx context.Context, account int64, id transfer.Identifier) (SIM, error) {
	return sim(ctx, db, account, id)
}

func sim(ctx context.Context, q querier, account int64, id transfer.Identifier) (SIM, error) {
	var s SIM
	err := q.get(ctx, &s, selectSIM, args{"identifier": id.String(), "account": account})
	return s, err
}

var selectSIMByID = newStatement(statement{
	name:    "select_sim_by_id",
	does:    "Reads a SIM by its id.",
	given:   "@sim: its id.",
	returns: "The SIM; none if there is no such SIM.",
	text: selectSIMSQL() + `
WHERE s.id = @sim`,
})

// simByID reads a SIM, which may have lost all its identifiers, by its id.
func (t *Tx) simByID(ctx context.Context, id int64) (SIM, error) {
	var s SIM
	if err := t.get(ctx, &s, selectSIMByID, args{"sim": id}); err != nil {
		return s, fmt.Errorf("reading SIM %d: %w", id, err)
	}
	return s, nil
}

var selectSIMs = newStatement(statement{
	name:    "select_sims",
	does:    "Lists SIMs in the order in which they were imported. SIMs that were retired as wrong imports are left out.",
	given:   simFilterGiven + `; @after: only SIMs with a greater id; @limit: maximum number of rows.`,
	returns: "The SIMs.",
	text: selectSIMSQL() + `
WHERE ` + simFilterSQL + `
  AND s.id > @after
ORDER BY s.id
LIMIT @limit`,
})

// SIMPage selects a part of the SIMs that match a filter.
type SIMPage struct {
	SIMFilter
	After int64 // the cursor: only SIMs with a greater id
	Limit int   // maximum number of SIMs; required
}

// SIMsByID returns SIMs by their ids, in the order in which they were imported.
func (db *DB) SIMsByID(ctx context.Context, ids []int64) ([]SIM, error) {
	list := []SIM{}
	a := SIMFilter{}.args()
	a["ids"] = pq.Int64Array(ids)
	if err := db.list(ctx, &list, selectSIMs, a.with(args{"after": 0, "limit": len(ids)})); err != nil {
		return nil, fmt.Errorf("reading %d SIMs: %w", len(ids), err)
	}
	return list, nil
}

// SIMs lists SIMs in the order in which they were imported.
func (db *DB) SIMs(ctx context.Context, p SIMPage) ([]SIM, error) {
	list := []SIM{}
	filter, err := p.search(ctx, db)
	if err != nil {
		return nil, err
	}
	if err := db.list(ctx, &list, selectSIMs, filter.with(args{"after": p.After, "limit": p.Limit})); err != nil {
		return nil, fmt.Errorf("listing SIMs: %w", err)
	}
	return list, nil
}
