package storage

import (
	"context"
	"fmt"
	"strings"
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

// SIMFilter selects SIMs; zero fields select all.
type SIMFilter struct {
	Account int64
	Status  []transfer.Status
	Plan    string
	Group   string
	Tags    []string // each name=value, or only a name for any value; SIMs have all of them
	Prefix  string   // the first digits of one of its identifiers, 6 or more
	Lot     string
	EID     string
	// ExternalID is unique, so it selects one SIM at most.
	ExternalID string
	After      int64 // the cursor: only SIMs with a greater id
	Limit      int   // maximum number of SIMs; required
}

// prefixMatchesSQL holds for an identifier, which has at most 22 digits, that
// begins with the digits @prefix.
const prefixMatchesSQL = `identifier BETWEEN @prefix::text AND rpad(@prefix, 22, '9')`

// simFilterSQL is the condition of a SIMFilter on a SIM s with its details d.
const simFilterSQL = `(@account = 0 OR s.account = @account)
  AND (@statuses::text[] IS NULL OR s.status = ANY (@statuses::text[]))
  AND (@plan = '' OR s.plan = @plan)
  AND (@group = '' OR s.sim_group = @group)
  AND (@tags::jsonb IS NULL OR s.tags @> @tags::jsonb)
  AND (@tag_names::text[] IS NULL OR s.tags ?& @tag_names::text[])
  AND (@lot = '' OR d.lot = @lot)
  AND (@eid = '' OR d.eid = @eid)
  AND (@external_id = '' OR d.external_id = @external_id)
  AND (@ids::bigint[] IS NULL OR s.id = ANY (@ids))
  AND (@prefix = '' OR EXISTS (SELECT 1 FROM identifiers WHERE sim = s.id AND ` + prefixMatchesSQL + `))
  AND NOT EXISTS (SELECT 1 FROM retired_sims WHERE sim = s.id)`

// simFilterGiven describes the parameters of simFilterSQL.
const simFilterGiven = `@account (0: any); @statuses (null: any); @plan, @group, @lot, @eid and @external_id (empty: any);
		@tags: tags that it has, and @tag_names: names of tags that it has (null: any); @prefix: the first
		digits of an identifier (empty: any); @ids: only these SIMs (null: any)`

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

// SIMs lists SIMs in the order in which they were imported.
func (db *DB) SIMs(ctx context.Context, f SIMFilter) ([]SIM, error) {
	list := []SIM{}
	ids, err := simsWithPrefix(ctx, db, f.Prefix)
	if err != nil {
		return nil, err
	}
	tags, tagNames := tagFilter(f.Tags)
	if err := db.list(ctx, &list, selectSIMs, args{
		"account": f.Account, "statuses": textArray(f.Status), "plan": f.Plan, "group": f.Group, "tags": tags, "tag_names": tagNames,
		"lot": f.Lot, "eid": f.EID, "external_id": f.ExternalID, "prefix": f.Prefix, "ids": ids, "after": f.After, "limit": f.Limit,
	}); err != nil {
		return nil, fmt.Errorf("listing SIMs: %w", err)
	}
	return list, nil
}

// tagFilter splits tags into those with a value, nil for none, and the names of
// those with any value.
func tagFilter(list []string) (tags *Tags, names pq.StringArray) {
	for _, text := range list {
		name, value, hasValue := strings.Cut(text, "=")
		switch {
		case !hasValue:
			names = append(names, name)
		case tags == nil:
			tags = &Tags{name: value}
		default:
			(*tags)[name] = value
		}
	}
	return tags, names
}

// maxPrefixSIMs is the number of SIMs up to which a list with a prefix starts
// from the SIMs that have it.
const maxPrefixSIMs = 50000

var selectSIMsWithPrefix = newStatement(statement{
	name:    "select_sims_with_prefix",
	does:    "Looks up the SIMs that have an identifier with a prefix.",
	given:   "@prefix: the first digits; @limit: maximum number of identifiers.",
	returns: "The ids of the SIMs in an array.",
	text: `
		SELECT coalesce(array_agg(sim), '{}')
		FROM (
			SELECT sim
			FROM identifiers
			WHERE ` + prefixMatchesSQL + `
			LIMIT @limit
		) found`,
})

// simsWithPrefix returns the ids of the SIMs that have an identifier with a
// prefix if there are at most maxPrefixSIMs, so that a list starts from them.
// Otherwise, and without a prefix, it returns nil: then a list that looks at
// SIM after SIM soon finds enough.
func simsWithPrefix(ctx context.Context, q querier, prefix string) (ids pq.Int64Array, err error) {
	if prefix == "" {
		return nil, nil
	}
	if err := q.get(ctx, &ids, selectSIMsWithPrefix, args{"prefix": prefix, "limit": maxPrefixSIMs + 1}); err != nil {
		return nil, fmt.Errorf("looking for identifiers that begin with %s: %w", prefix, err)
	}
	if len(ids) > maxPrefixSIMs {
		return nil, nil
	}
	return ids, nil
}
