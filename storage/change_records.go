package storage

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// The changes feed has a row in changes for every change that other systems have
// to know of. Imports and executions write theirs in their own statements, and a
// trigger on sims records changes of status and plan. Who changes identifiers or
// the owner of a SIM in another way, or swaps two cards, calls one of the
// functions below in the transaction of the change, after it has locked the SIM:
// the order of the feed depends on that lock.

// SIMIdentifiers are all identifiers of a SIM, as identifiers_changed records
// them before and after.
type SIMIdentifiers struct {
	ICCID      string   `json:"iccid"`
	IMSIs      []string `json:"imsis"`       // in ascending order
	MSISDNs    []string `json:"msisdns"`     // in ascending order
	EID        *string  `json:"eid"`         // nil: none
	ExternalID *string  `json:"external_id"` // nil: none
}

// simIdentifiersSQL is a SIM's identifiers as JSON, in the form of
// SIMIdentifiers; sim is an expression for its id, such as "s.id". A set-based
// statement that changes the identifiers of many SIMs reads them before and
// after with it, and inserts one row of changes for each SIM that differs.
func simIdentifiersSQL(sim string) string {
	return `(
	SELECT jsonb_build_object(
		'iccid', x.iccid,
		'imsis', ARRAY(SELECT identifier FROM identifiers WHERE sim = x.id AND kind = 'imsi' ORDER BY identifier),
		'msisdns', ARRAY(SELECT identifier FROM identifiers WHERE sim = x.id AND kind = 'msisdn' ORDER BY identifier),
		'eid', xd.eid,
		'external_id', xd.external_id)
	FROM sims x
	LEFT JOIN sim_details xd ON xd.sim = x.id
	WHERE x.id = ` + sim + `
)`
}

// createdValues is an expression on a new row of sims: the status, the plan and
// the settings with which the SIM is created, as the changes feed has them.
func createdValues() string {
	return `jsonb_build_object('status', status, 'plan', plan, 'settings', to_jsonb(` + snapshotRow(func(s transfer.Setting) string { return s.Name }) + `))`
}

// insertCreated records SIMs that were created: those of the query created, which
// returns id, account and created_with (createdValues). Equal SIMs of an account share
// rows of changes. The identifiers of the SIMs were found to be free by an earlier
// statement, so the change that freed them is before their creation in the feed.
const insertCreated = `INSERT INTO changes (kind, destination, sims, after)
SELECT 'created', account, ids[first:first + 999], created_with
FROM (SELECT account, created_with, array_agg(id ORDER BY id) AS ids FROM created GROUP BY account, created_with) AS alike
CROSS JOIN LATERAL generate_series(1, cardinality(ids), 1000) AS first
ORDER BY ids[first]`

var selectSIMIdentifiers = newStatement(statement{
	name:    "select_sim_identifiers",
	does:    "Reads all identifiers of a SIM.",
	given:   "@sim: the id of the SIM.",
	returns: "The identifiers as JSON, null if there is no such SIM.",
	locks:   "The caller holds the SIM if the identifiers are recorded with a change.",
	text:    `SELECT ` + simIdentifiersSQL("@sim"),
})

// SIMIdentifiers reads the identifiers of a SIM, which the caller has locked, by
// its id. It returns ErrNotFound if there is no such SIM.
func (t *Tx) SIMIdentifiers(ctx context.Context, sim int64) (SIMIdentifiers, error) {
	var text *[]byte
	var ids SIMIdentifiers
	if err := t.get(ctx, &text, selectSIMIdentifiers, args{"sim": sim}); err != nil {
		return ids, fmt.Errorf("reading the identifiers of SIM %d: %w", sim, err)
	}
	if text == nil {
		return ids, fmt.Errorf("reading the identifiers of SIM %d: %w", sim, ErrNotFound)
	}
	if err := json.Unmarshal(*text, &ids); err != nil {
		return ids, fmt.Errorf("reading the identifiers of SIM %d: %w", sim, err)
	}
	return ids, nil
}

var insertChange = newStatement(statement{
	name: "insert_change",
	does: "Records a change of SIMs for the changes feed.",
	given: `@kind: not transferred, created, status_changed or plan_changed; @source: the owner before (null if it did not
		change); @owner: the owner after it; the ids of the @sims; @before and @after as JSON (null: none).`,
	locks: "The caller holds the SIMs.",
	text: `
		INSERT INTO changes (kind, source, destination, sims, before, after)
		VALUES (@kind, @source, @owner, @sims, @before, @after)`,
})

func (t *Tx) insertChange(ctx context.Context, kind transfer.ChangeKind, source *int64, owner int64, sims []int64, before, after any) error {
	was, err := jsonOrNull(before)
	if err != nil {
		return fmt.Errorf("writing what was before a change of SIM %d: %w", sims[0], err)
	}
	is, err := jsonOrNull(after)
	if err != nil {
		return fmt.Errorf("writing what is after a change of SIM %d: %w", sims[0], err)
	}
	if _, err := t.exec(ctx, insertChange, args{
		"kind": kind, "source": source, "owner": owner, "sims": pq.Array(sims), "before": was, "after": is,
	}); err != nil {
		return fmt.Errorf("recording a change of SIM %d: %w", sims[0], err)
	}
	return nil
}

// RecordIdentifiersChanged records for the changes feed that the identifiers of
// a SIM changed. A number that moves from one SIM to another changes both. The
// caller has locked the SIM, and read before when it held the lock.
func (t *Tx) RecordIdentifiersChanged(ctx context.Context, owner, sim int64, before, after SIMIdentifiers) error {
	return t.insertChange(ctx, transfer.SIMIdentifiersChanged, nil, owner, []int64{sim}, before, after)
}

// RecordRetired records for the changes feed that a SIM was retired as a wrong
// import: its identifiers before, and what is left of them. The caller has locked
// the SIM, and read before when it held the lock.
func (t *Tx) RecordRetired(ctx context.Context, owner, sim int64, before, after SIMIdentifiers) error {
	return t.insertChange(ctx, transfer.SIMRetired, nil, owner, []int64{sim}, before, after)
}

// RecordSwapped records for the changes feed that a new card took over from an
// old one of the same owner. The feed has an entry for each of the two, and each
// names the other, so a swap needs no identifiers_changed. Created, and changes
// of status and plan, have entries of their own. The caller has locked both SIMs.
func (t *Tx) RecordSwapped(ctx context.Context, owner, oldSIM, newSIM int64) error {
	return t.insertChange(ctx, transfer.SIMSwapped, nil, owner, []int64{oldSIM, newSIM}, nil, nil)
}

// RecordOwnerCorrected records for the changes feed that the owner of a SIM
// changed without a transfer request. The caller has locked the SIM.
func (t *Tx) RecordOwnerCorrected(ctx context.Context, from, to, sim int64) error {
	return t.insertChange(ctx, transfer.SIMOwnerCorrected, &from, to, []int64{sim}, nil, nil)
}
