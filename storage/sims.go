package storage

import (
	"context"
	"fmt"
	"maps"
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
	Since        time.Time           `db:"since"`       // when the SIM was registered to the owner
	ICCID        string              `db:"iccid"`
	IMSIs        pq.StringArray      `db:"imsis"`
	MSISDNs      pq.StringArray      `db:"msisdns"`
	Status       transfer.Status     `db:"status"`
	Plan         string              `db:"plan"`
	TransferLock bool                `db:"transfer_lock"`
	UpdatedAt    time.Time           `db:"updated_at"` // when it last changed, also by a transfer
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
	s.since,
	s.iccid,
	ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'imsi' ORDER BY identifier) AS imsis,
	ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'msisdn' ORDER BY identifier) AS msisdns,
	s.status,
	s.plan,
	s.transfer_lock,
	greatest(s.since, s.updated_at) AS updated_at,
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

// SIMFilter selects SIMs; zero fields select all.
type SIMFilter struct {
	Account int64
	Status  []transfer.Status
	Plan    string
	Group   string
	Tags    []string // each name=value, or only a name for any value; SIMs have all of them
	Prefix  string   // the first digits of one of its identifiers, 6 or more
	After   int64    // the cursor: only SIMs with a greater id
	Limit   int      // maximum number of SIMs; required
}

// prefixMatchesSQL holds for an identifier, which has at most 22 digits, that
// begins with the digits @prefix.
const prefixMatchesSQL = `identifier BETWEEN @prefix::text AND rpad(@prefix, 22, '9')`

var selectSIMs = newStatement(statement{
	name: "select_sims",
	does: "Lists SIMs in the order in which they were imported.",
	given: `@account (0: any); @statuses (null: any); @plan and @group (empty: any); @after: only SIMs with a greater id;
		@tags: tags that it has, and @tag_names: names of tags that it has (null: any); @prefix: the first
		digits of an identifier (empty: any); @ids: only these SIMs (null: any); @limit: maximum number of
		rows.`,
	returns: "The SIMs.",
	text: selectSIMSQL() + `
WHERE (@account = 0 OR s.account = @account)
  AND (@statuses::text[] IS NULL OR s.status = ANY (@statuses::text[]))
  AND s.id > @after
  AND (@plan = '' OR s.plan = @plan)
  AND (@group = '' OR s.sim_group = @group)
  AND (@tags::jsonb IS NULL OR s.tags @> @tags::jsonb)
  AND (@tag_names::text[] IS NULL OR s.tags ?& @tag_names::text[])
  AND (@ids::bigint[] IS NULL OR s.id = ANY (@ids))
  AND (@prefix = '' OR EXISTS (SELECT 1 FROM identifiers WHERE sim = s.id AND ` + prefixMatchesSQL + `))
ORDER BY s.id
LIMIT @limit`,
})

// SIMs lists SIMs in the order in which they were imported.
func (db *DB) SIMs(ctx context.Context, f SIMFilter) ([]SIM, error) {
	list := []SIM{}
	tags, tagNames := tagFilter(f.Tags)
	ids, err := db.simsWithPrefix(ctx, f.Prefix)
	if err != nil {
		return nil, err
	}
	if err := db.list(ctx, &list, selectSIMs, args{
		"account": f.Account, "statuses": textArray(f.Status), "plan": f.Plan, "group": f.Group,
		"tags": tags, "tag_names": tagNames, "prefix": f.Prefix, "ids": ids,
		"after": f.After, "limit": f.Limit,
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
func (db *DB) simsWithPrefix(ctx context.Context, prefix string) (ids pq.Int64Array, err error) {
	if prefix == "" {
		return nil, nil
	}
	if err := db.get(ctx, &ids, selectSIMsWithPrefix, args{"prefix": prefix, "limit": maxPrefixSIMs + 1}); err != nil {
		return nil, fmt.Errorf("looking for identifiers that begin with %s: %w", prefix, err)
	}
	if len(ids) > maxPrefixSIMs {
		return nil, nil
	}
	return ids, nil
}

// SIMChange lists the new values of a SIM's fields; nil fields do not change.
type SIMChange struct {
	TransferLock          *bool
	TerminationProtection *bool
	ClearTags             bool               // removes all tags, before Tags are applied
	Tags                  map[string]*string // added to the tags, with the same names replaced; nil removes a tag
	Group                 *string            // empty removes the SIM from its group
	Status                *transfer.Status
	StatusBy              transfer.StatusActor // who sets Status; see transfer.ChangeStatus
	Why                   string               // the reason of a correction, for the audit trail

	// If is called with the SIM as it is before the change, which can no longer
	// change by then. If it returns an error, nothing is changed. Nil: no
	// condition.
	If func(SIM) error
}

// tags returns the tags of a SIM after the change.
func (c SIMChange) tags(was Tags) (Tags, error) {
	after := Tags{}
	if !c.ClearTags {
		maps.Copy(after, was)
	}
	for name, value := range c.Tags {
		if value == nil {
			delete(after, name)
		} else {
			after[name] = *value
		}
	}
	if err := transfer.CheckTags(after); err != nil {
		return nil, &TagsError{err}
	}
	return after, nil
}

// TagsError is returned for a change that would give a SIM too many tags.
type TagsError struct{ err error }

func (e *TagsError) Error() string { return e.err.Error() }
func (e *TagsError) Unwrap() error { return e.err }

var lockSIM = newStatement(statement{
	name:    "lock_sim",
	does:    "Locks the SIM that an identifier names.",
	given:   "@identifier; @account that the SIM has to be registered to (0: any).",
	returns: "What a client can change in the SIM, and which account owns it; none if there is no such SIM.",
	locks:   "Takes the SIM.",
	text: `
		SELECT id, account, iccid, transfer_lock, termination_protection, tags, sim_group, status
		FROM sims
		WHERE id = (SELECT sim FROM identifiers WHERE identifier = @identifier)
		  AND (@account = 0 OR account = @account)
		FOR NO KEY UPDATE`,
})

var updateSIM = newStatement(statement{
	name: "update_sim",
	does: "Changes a SIM.",
	given: `@sim: the id of the SIM; its @tags; @transfer_lock, @termination_protection, @group and @status: the
		new values, null for no change; an empty @group is none.`,
	locks: "The caller holds the SIM.",
	text: `
		UPDATE sims
		SET transfer_lock = coalesce(@transfer_lock, transfer_lock),
			termination_protection = coalesce(@termination_protection, termination_protection),
			tags = @tags,
			sim_group = CASE WHEN @group::text IS NULL THEN sim_group ELSE nullif(@group, '') END,
			status = coalesce(@status, status)
		WHERE id = @sim`,
})

// lockedSIM is a SIM as lockSIM reads it.
type lockedSIM struct {
	ID                    int64           `db:"id"`
	Account               int64           `db:"account"`
	ICCID                 string          `db:"iccid"`
	TransferLock          bool            `db:"transfer_lock"`
	TerminationProtection bool            `db:"termination_protection"`
	Tags                  Tags            `db:"tags"`
	Group                 *string         `db:"sim_group"`
	Status                transfer.Status `db:"status"`
}

// allow returns a *transfer.StatusError if the status may not change so. A
// change of the termination protection counts first.
func (was lockedSIM) allow(c SIMChange) error {
	if c.Status == nil {
		return nil
	}
	protected := was.TerminationProtection
	if c.TerminationProtection != nil {
		protected = *c.TerminationProtection
	}
	return transfer.ChangeStatus(c.StatusBy, was.Status, *c.Status, protected)
}

// UpdateSIM changes the SIM that an identifier names and returns it as it is
// after the change. It returns ErrNotFound if there is none, or if it is not
// registered to the account at that moment; account 0 may change all SIMs. It
// returns a *transfer.StatusError if StatusBy may not change the status so.
func (db *DB) UpdateSIM(ctx context.Context, by Actor, account int64, id transfer.Identifier, c SIMChange) (changed SIM, err error) {
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		changed, err = t.UpdateSIM(ctx, by, account, id, c)
		return err
	})
	return changed, err
}

// UpdateSIM is DB.UpdateSIM in the transaction.
func (t *Tx) UpdateSIM(ctx context.Context, by Actor, account int64, id transfer.Identifier, c SIMChange) (changed SIM, err error) {
	var was lockedSIM
	if err := t.get(ctx, &was, lockSIM, args{"identifier": id.String(), "account": account}); err != nil {
		return changed, fmt.Errorf("locking SIM %s: %w", id, err)
	}
	if c.If != nil {
		is, err := sim(ctx, t, 0, id)
		if err != nil {
			return changed, fmt.Errorf("reading SIM %s: %w", id, err)
		}
		if err := c.If(is); err != nil {
			return changed, err
		}
	}
	if err := was.allow(c); err != nil {
		return changed, err
	}
	tags, err := c.tags(was.Tags)
	if err != nil {
		return changed, err
	}
	if _, err := t.exec(ctx, updateSIM, args{
		"sim": was.ID, "transfer_lock": c.TransferLock, "termination_protection": c.TerminationProtection,
		"tags": tags, "group": c.Group, "status": c.Status,
	}); err != nil {
		return changed, fmt.Errorf("changing SIM %s: %w", id, err)
	}
	if changed, err = sim(ctx, t, 0, id); err != nil {
		return changed, fmt.Errorf("reading SIM %s: %w", id, err)
	}
	return changed, t.auditSIMChange(ctx, by, c, was, changed)
}

// auditSIMChange records how a SIM has changed, if it has, under the action that
// matters most.
func (t *Tx) auditSIMChange(ctx context.Context, by Actor, asked SIMChange, was lockedSIM, is SIM) error {
	c := changes{
		{"transfer_lock", was.TransferLock, is.TransferLock},
		{"termination_protection", was.TerminationProtection, is.TerminationProtection},
		{"tags", was.Tags, is.Tags},
		{"group", was.Group, is.Group},
		{"status", was.Status, is.Status},
	}
	action := transfer.AuditSIMUpdate
	switch {
	case c.none():
		return nil
	case was.TransferLock && !is.TransferLock:
		action = transfer.AuditSIMUnlock
	case is.TransferLock && !was.TransferLock:
		action = transfer.AuditSIMLock
	case was.Status != is.Status && asked.StatusBy == transfer.ByCorrection:
		action = transfer.AuditSIMCorrect
	case was.Status != is.Status:
		action = transfer.AuditSIMStatus
	}
	return t.Audit(ctx, AuditEntry{
		By: by, Action: action, Account: was.Account, SIM: was.ID, Object: "sim", ObjectID: was.ICCID, Before: c.before(), After: c.after(), Why: asked.Why,
	})
}
