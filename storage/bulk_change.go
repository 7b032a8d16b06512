package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// BulkChange describes one change of many SIMs.
type BulkChange struct {
	Account int64             // the SIMs have to be registered to it; 0: any
	Filter  *SIMFilter        // selects the SIMs; nil: SIMs names them
	SIMs    []transfer.SIMRef // any identifier of each SIM, EIDs and ranges

	Status       *transfer.Status
	StatusBy     transfer.StatusActor // who sets Status
	Plan         *string
	TransferLock *bool
	Protection   *bool              // against termination
	ClearTags    bool               // removes all tags, before Tags are applied
	Tags         map[string]*string // added to the tags; nil removes a tag
	Group        *string            // empty removes the SIMs from their group

	Expected    *int // the number of SIMs that the caller expects to be selected; nil: any number
	SkipRefused bool // change the other SIMs if the rules refuse some
	DryRun      bool // change nothing
	Why         string
	Described   any // what was asked for, for the audit trail, as a value for encoding/json
}

// BulkResult is the outcome of a BulkChange.
type BulkResult struct {
	Selected  int // SIMs that match the filter or that the list names
	Changed   int // or would be, in a dry run
	Unchanged int // are as asked for already
	Refused   []BulkRefusal
}

// refused counts the SIMs and identifiers that are refused.
func (r BulkResult) refused() int {
	n := 0
	for _, kind := range r.Refused {
		n += kind.Count
	}
	return n
}

// BulkRefusal is one kind of reason for which SIMs are not changed.
type BulkRefusal struct {
	Code    BulkRefusalCode
	Message string
	Count   int
	First   []string // the ICCIDs of the first 10, or identifiers that name no SIM
}

// BulkRefusalCode says why a bulk change refuses a SIM.
type BulkRefusalCode string

// The codes.
const (
	BulkNotFound  BulkRefusalCode = "sim_not_found"          // no SIM of the account has the identifier
	BulkStatus    BulkRefusalCode = "sim_status"             // the rules do not allow the change of the status
	BulkProtected BulkRefusalCode = "termination_protection" // the SIM cannot be terminated
	BulkPlan      BulkRefusalCode = "plan_not_available"     // the account may not hold the plan
	BulkTags      BulkRefusalCode = "too_many_tags"
)

// BulkRefusalCodes lists every code.
func BulkRefusalCodes() []BulkRefusalCode {
	return []BulkRefusalCode{BulkNotFound, BulkStatus, BulkProtected, BulkPlan, BulkTags}
}

// SIMCountError means that another number of SIMs is selected than expected.
// Nothing was changed.
type SIMCountError struct{ Expected, Selected int }

func (e *SIMCountError) Error() string {
	return fmt.Sprintf("nothing was changed: %s, not %d as expected: look again at what is selected, and repeat the call with the right number", e.Found(), e.Expected)
}

// Found returns how many SIMs are selected, such as "2 SIMs are selected".
func (e *SIMCountError) Found() string {
	if e.Selected == 1 {
		return "1 SIM is selected"
	}
	return fmt.Sprintf("%d SIMs are selected", e.Selected)
}

// SIMsRefusedError means that the rules refuse some of the SIMs. Nothing was
// changed.
type SIMsRefusedError struct{ BulkResult }

func (e *SIMsRefusedError) Error() string {
	return fmt.Sprintf("nothing was changed: %d of the SIMs cannot be changed so. Leave them out, or skip them to change the other %d", e.refused(), e.Changed)
}

// TooManySIMsError means that a filter selects more SIMs than one call may change.
type TooManySIMsError struct{}

func (e *TooManySIMsError) Error() string {
	return fmt.Sprintf("nothing was changed: the filter selects more than %d SIMs: narrow it down, and make several calls", transfer.MaxBulkSIMs)
}

// bulkTimeout is the time limit for each statement of a bulk change.
const bulkTimeout = 5 * time.Minute

// bulkTables creates the temporary tables of a bulk change: the identifiers that
// it names, the SIMs that it selects, and the outcome for each.
const bulkTables = `
CREATE TEMPORARY TABLE bulk_named (
	identifier text PRIMARY KEY
) ON COMMIT DROP;
CREATE TEMPORARY TABLE bulk_sims (
	sim bigint PRIMARY KEY
) ON COMMIT DROP;
CREATE TEMPORARY TABLE bulk_verdicts (
	sim     bigint PRIMARY KEY,
	account bigint NOT NULL,
	iccid   text NOT NULL,
	outcome text NOT NULL,
	status  text NOT NULL
) ON COMMIT DROP`

var selectBulkSIMs = newStatement(statement{
	name:  "select_bulk_sims",
	does:  "Selects the SIMs of a bulk change by a filter, before they are locked.",
	given: simFilterGiven + `; @limit: maximum number of SIMs.`,
	setup: bulkTables,
	text: `
		INSERT INTO bulk_sims (sim)
		SELECT s.id
		FROM sims s
		LEFT JOIN sim_details d ON d.sim = s.id
		WHERE ` + indent(2, simFilterSQL) + `
		ORDER BY s.id
		LIMIT @limit`,
})

var nameBulkSIMs = newStatement(statement{
	name:  "name_bulk_sims",
	does:  "Selects the SIMs that a bulk change names, before they are locked.",
	setup: bulkTables,
	text: `
		INSERT INTO bulk_sims (sim)
		SELECT DISTINCT i.sim
		FROM bulk_named
		JOIN identifiers i USING (identifier)
		ORDER BY i.sim`,
})

var lockBulkSIMs = newStatement(statement{
	name:    "lock_bulk_sims",
	does:    "Locks the SIMs of a bulk change.",
	returns: "Their number.",
	locks:   "Takes the SIMs by id.",
	setup:   bulkTables,
	text: `
		SELECT count(*)
		FROM (
			SELECT s.id
			FROM bulk_sims b
			JOIN sims s ON s.id = b.sim
			ORDER BY s.id
			FOR NO KEY UPDATE OF s
		) locked`,
})

var findBulkLosses = newStatement(statement{
	name:    "find_bulk_losses",
	does:    "Finds out whether a SIM of a bulk change lost the identifier that names it before it was locked.",
	returns: "True or false.",
	locks:   "The caller holds the SIMs.",
	setup:   bulkTables,
	text: `
		SELECT EXISTS (
			SELECT sim FROM bulk_sims
			EXCEPT
			SELECT i.sim
			FROM bulk_named
			JOIN identifiers i USING (identifier)
		)`,
})

// bulkTagsSQL are the tags of a SIM s after a bulk change.
const bulkTagsSQL = `((CASE WHEN @clear_tags THEN '{}' ELSE s.tags END - @removed_tags::text[]) || @set_tags::jsonb)`

// bulkChangeGiven describes the parameters of the change itself.
const bulkChangeGiven = `the new @status, @new_plan, @transfer_lock, @protection and @new_group (null: no change; an empty group is
		none);
		@clear_tags: whether all tags are removed, @removed_tags: names, @set_tags: an object`

// bulkOutcomeSQL is the outcome of a bulk change for a SIM s of an account a: changed,
// unchanged, or the code of a refusal.
const bulkOutcomeSQL = `CASE
	WHEN @status::text IS NOT NULL AND s.status <> @status AND s.status = ANY (@refused_statuses::text[]) THEN 'sim_status'
	WHEN @status::text IS NOT NULL AND s.status <> @status AND s.termination_protection AND @respects_protection THEN 'termination_protection'
	WHEN @new_plan::text <> s.plan AND @new_plan <> ALL (nullif(a.plans, '{}')) THEN 'plan_not_available'
	WHEN @set_tags::jsonb <> '{}' AND NOT tags_within_limits(` + bulkTagsSQL + `) THEN 'too_many_tags'
	WHEN (s.status, s.plan, s.transfer_lock, s.termination_protection, s.tags, s.sim_group) IS NOT DISTINCT FROM
	     (coalesce(@status, s.status), coalesce(@new_plan, s.plan), coalesce(@transfer_lock, s.transfer_lock),
	      coalesce(@protection, s.termination_protection), ` + bulkTagsSQL + `,
	      CASE WHEN @new_group::text IS NULL THEN s.sim_group ELSE nullif(@new_group, '') END) THEN 'unchanged'
	ELSE 'changed'
END`

// bulkOutcomeGiven describes the parameters of bulkOutcomeSQL.
const bulkOutcomeGiven = bulkChangeGiven + `; @refused_statuses: the statuses from which the rules refuse the
		new one; @respects_protection: whether they refuse it for SIMs with termination protection`

var judgeBulkSIMs = newStatement(statement{
	name: "judge_bulk_sims",
	does: `Decides about each SIM of a bulk change that still matches: changed, unchanged, or the code of a
		refusal.`,
	given: simFilterGiven + `; ` + bulkOutcomeGiven + `.`,
	locks: "The caller holds the SIMs, except in a dry run.",
	setup: bulkTables,
	text: `
		INSERT INTO bulk_verdicts (sim, account, iccid, status, outcome)
		SELECT s.id, s.account, s.iccid, s.status,
			` + indent(3, bulkOutcomeSQL) + `
		FROM bulk_sims b
		JOIN sims s ON s.id = b.sim
		JOIN accounts a ON a.id = s.account
		LEFT JOIN sim_details d ON d.sim = s.id
		WHERE ` + indent(2, simFilterSQL),
})

// bulkKindsSQL counts the rows of bulk_verdicts, after WITH.
const bulkKindsSQL = `kinds AS (
			SELECT outcome, CASE outcome WHEN 'sim_status' THEN status ELSE '' END AS status, count(*) AS count
			FROM bulk_verdicts
			GROUP BY 1, 2
		)
		SELECT outcome, status, count, CASE WHEN outcome IN ('changed', 'unchanged') THEN '{}' ELSE ARRAY(
			SELECT v.iccid
			FROM bulk_verdicts v
			WHERE v.outcome = k.outcome AND (k.status = '' OR v.status = k.status)
			ORDER BY v.sim
			LIMIT 10
		) END AS first
		FROM kinds k
		ORDER BY outcome, status`

var countBulkVerdicts = newStatement(statement{
	name:    "count_bulk_verdicts",
	does:    "Counts the outcomes of a bulk change.",
	returns: "A row for each outcome, and for each status that a SIM cannot leave so, with the first 10 SIMs, by id.",
	setup:   bulkTables,
	text: `
		WITH ` + bulkKindsSQL,
})

var previewBulkSIMs = newStatement(statement{
	name:    "preview_bulk_sims",
	does:    "Counts the outcomes that a bulk change of the SIMs of a filter would have.",
	given:   simFilterGiven + `; ` + bulkOutcomeGiven + `; @limit: maximum number of SIMs.`,
	returns: "The same rows as count_bulk_verdicts.",
	text: `
		WITH bulk_verdicts AS MATERIALIZED (
			SELECT s.id AS sim, s.iccid, s.status, ` + indent(3, bulkOutcomeSQL) + ` AS outcome
			FROM sims s
			JOIN accounts a ON a.id = s.account
			LEFT JOIN sim_details d ON d.sim = s.id
			WHERE ` + indent(3, simFilterSQL) + `
			LIMIT @limit
		), ` + bulkKindsSQL,
})

var selectBulkUnknown = newStatement(statement{
	name:    "select_bulk_unknown",
	does:    "Finds the identifiers of a bulk change that name none of its SIMs.",
	returns: "Their number and the first 10.",
	setup:   bulkTables,
	text: `
		WITH unknown AS (
			SELECT u.identifier
			FROM bulk_named u
			WHERE NOT EXISTS (SELECT 1 FROM identifiers i JOIN bulk_verdicts v USING (sim) WHERE i.identifier = u.identifier)
		)
		SELECT (SELECT count(*) FROM unknown) AS count, ARRAY(SELECT identifier FROM unknown ORDER BY identifier LIMIT 10) AS first`,
})

var changeBulkSIMs = newStatement(statement{
	name:  "change_bulk_sims",
	does:  "Changes the SIMs of a bulk change that are to be changed.",
	given: bulkChangeGiven + ".",
	locks: "The caller holds the SIMs.",
	setup: bulkTables,
	text: `
		UPDATE sims s
		SET status = coalesce(@status, s.status),
			plan = coalesce(@new_plan, s.plan),
			transfer_lock = coalesce(@transfer_lock, s.transfer_lock),
			termination_protection = coalesce(@protection, s.termination_protection),
			tags = ` + bulkTagsSQL + `,
			sim_group = CASE WHEN @new_group::text IS NULL THEN s.sim_group ELSE nullif(@new_group, '') END
		FROM bulk_verdicts v
		WHERE v.sim = s.id AND v.outcome = 'changed'`,
})

var selectBulkAccount = newStatement(statement{
	name:    "select_bulk_account",
	does:    "Reads which account has all SIMs of a bulk change.",
	returns: "Its id, 0 if there are several.",
	setup:   bulkTables,
	text: `
		SELECT coalesce(CASE WHEN min(account) = max(account) THEN min(account) END, 0)
		FROM bulk_verdicts
		WHERE outcome = 'changed'`,
})

// unmatched returns a *NothingSelectedError if the filter of a change that selects
// nothing has a value that no SIM has, nil otherwise.
func (t *Tx) unmatched(ctx context.Context, c BulkChange) error {
	if c.Filter == nil || c.Expected != nil && *c.Expected == 0 {
		return nil
	}
	var nothing *NothingSelectedError
	err := c.Filter.nothingSelected(ctx, t)
	if errors.As(err, &nothing) && len(nothing.Unmatched) == 0 {
		return nil
	}
	return err
}

// ChangeSIMs makes one change to all SIMs that a filter selects or a list names,
// in this transaction. An open transfer of a SIM does not prevent it: its
// execution sees the SIM as it is then.
//
// It returns a *SIMCountError if another number of SIMs is selected than
// expected, a *NothingSelectedError if none is because the filter has a value that no
// SIM has, a *SIMsRefusedError if the rules refuse some and they are not to be
// skipped, an *UnknownPlanError, and a *TooManySIMsError. Then it has changed
// nothing.
func (t *Tx) ChangeSIMs(ctx context.Context, by Actor, c BulkChange) (BulkResult, error) {
	var r BulkResult
	if err := t.AllowLong(ctx, bulkTimeout); err != nil {
		return r, err
	}
	if err := t.DeclareNoEvents(ctx); err != nil {
		return r, err
	}
	if c.Plan != nil {
		var p Plan
		err := t.get(ctx, &p, selectPlan, args{"name": *c.Plan})
		if errors.Is(err, ErrNotFound) {
			return r, &UnknownPlanError{*c.Plan}
		}
		if err != nil {
			return r, fmt.Errorf("reading plan %q: %w", *c.Plan, err)
		}
	}
	filter := SIMFilter{Account: c.Account}
	if c.Filter != nil {
		filter = *c.Filter
	}
	r, err := t.tryBulk(ctx, c, filter)
	if err == nil && r.Selected == 0 {
		err = t.unmatched(ctx, c)
	}
	switch {
	case err != nil:
		return r, err
	case c.Expected != nil && *c.Expected != r.Selected:
		return r, &SIMCountError{*c.Expected, r.Selected}
	case len(r.Refused) > 0 && !c.SkipRefused && !c.DryRun:
		return r, &SIMsRefusedError{r}
	case c.DryRun, r.Changed == 0:
		return r, nil
	}
	removed, added := c.tagChanges()
	n, err := t.exec(ctx, changeBulkSIMs, args{
		"status": c.Status, "new_plan": c.Plan, "transfer_lock": c.TransferLock, "protection": c.Protection, "new_group": c.Group,
		"clear_tags": c.ClearTags, "removed_tags": removed, "set_tags": added,
	})
	switch {
	case err != nil:
		return r, fmt.Errorf("changing %d SIMs: %w", r.Changed, err)
	case n != int64(r.Changed):
		return r, fmt.Errorf("changed %d of %d SIMs", n, r.Changed)
	}
	account := filter.Account
	if account == 0 {
		if err := t.get(ctx, &account, selectBulkAccount, args{}); err != nil {
			return r, fmt.Errorf("reading the account of %d SIMs: %w", r.Changed, err)
		}
	}
	return r, t.Audit(ctx, AuditEntry{
		By: by, Action: transfer.AuditSIMBulkChange, Account: account, Object: "sims", Why: c.Why,
		After: map[string]any{"asked": c.Described, "selected": r.Selected, "changed": r.Changed, "refused": r.refused()},
	})
}

// tryBulk decides about the SIMs of a bulk change, and holds them afterwards unless it is
// a dry run. A dry run with a filter needs no temporary tables: it is a page on which
// someone waits.
func (t *Tx) tryBulk(ctx context.Context, c BulkChange, filter SIMFilter) (BulkResult, error) {
	if c.DryRun && c.Filter != nil {
		return t.previewBulk(ctx, c, filter)
	}
	if err := t.selectBulk(ctx, c, filter); err != nil {
		return BulkResult{}, err
	}
	return t.judgeBulk(ctx, c, filter)
}

// previewBulk counts what a change of the SIMs of a filter would do.
func (t *Tx) previewBulk(ctx context.Context, c BulkChange, filter SIMFilter) (BulkResult, error) {
	search, err := filter.search(ctx, t)
	if err != nil {
		return BulkResult{}, err
	}
	removed, added := c.tagChanges()
	statuses, protected := c.refusedStatuses(), c.protectionRefusal() != nil
	var counts []bulkCount
	if err := t.list(ctx, &counts, previewBulkSIMs, search.with(args{
		"status": c.Status, "new_plan": c.Plan, "transfer_lock": c.TransferLock, "protection": c.Protection, "new_group": c.Group,
		"clear_tags": c.ClearTags, "removed_tags": removed, "set_tags": added,
		"refused_statuses": statuses, "respects_protection": protected, "limit": transfer.MaxBulkSIMs + 1,
	})); err != nil {
		return BulkResult{}, fmt.Errorf("counting the SIMs of a bulk change: %w", err)
	}
	r := c.result(counts)
	if r.Selected > transfer.MaxBulkSIMs {
		return BulkResult{}, &TooManySIMsError{}
	}
	return r, nil
}

// selectBulk selects the SIMs of a bulk change and locks them. A dry run of a list locks
// none, so that no transfer waits for it.
func (t *Tx) selectBulk(ctx context.Context, c BulkChange, filter SIMFilter) error {
	if _, err := t.tx.ExecContext(ctx, bulkTables); err != nil {
		return fmt.Errorf("preparing a bulk change: %w", err)
	}
	if c.Filter != nil {
		search, err := filter.search(ctx, t)
		if err != nil {
			return err
		}
		n, err := t.exec(ctx, selectBulkSIMs, search.with(args{"limit": transfer.MaxBulkSIMs + 1}))
		switch {
		case err != nil:
			return fmt.Errorf("selecting the SIMs of a bulk change: %w", err)
		case n > transfer.MaxBulkSIMs:
			return &TooManySIMsError{}
		}
	} else {
		named, err := t.ListedSIMs(ctx, c.Account, c.SIMs, transfer.MaxBulkSIMs)
		if err != nil {
			return err
		}
		seen := map[transfer.Identifier]bool{}
		if err := t.copyIn(ctx, `COPY bulk_named (identifier) FROM STDIN`, func(to *copiedRows) error {
			for _, id := range named.Identifiers {
				if seen[id] {
					continue
				}
				seen[id] = true
				to.addText(id.String())
				if err := to.end(); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return fmt.Errorf("naming the SIMs of a bulk change: %w", err)
		}
		if _, err := t.tx.ExecContext(ctx, `ANALYZE bulk_named`); err != nil {
			return fmt.Errorf("naming the SIMs of a bulk change: %w", err)
		}
		if _, err := t.exec(ctx, nameBulkSIMs, args{}); err != nil {
			return fmt.Errorf("naming the SIMs of a bulk change: %w", err)
		}
	}
	if _, err := t.tx.ExecContext(ctx, `ANALYZE bulk_sims`); err != nil {
		return fmt.Errorf("selecting the SIMs of a bulk change: %w", err)
	}
	if c.DryRun {
		return nil
	}
	var locked int
	if err := t.get(ctx, &locked, lockBulkSIMs, args{}); err != nil {
		return fmt.Errorf("locking the SIMs of a bulk change: %w", err)
	}
	if c.Filter != nil {
		return nil // judgeBulk applies the filter again
	}
	var lost bool
	if err := t.get(ctx, &lost, findBulkLosses, args{}); err != nil {
		return fmt.Errorf("comparing the SIMs of a bulk change with their names: %w", err)
	}
	if lost {
		return errLostRace // after a retry, the identifier names another SIM, or none
	}
	return nil
}

// tagChanges returns the names of the tags that are removed, and the tags that are
// set, as the parameters of bulkTagsSQL.
func (c BulkChange) tagChanges() (removed pq.StringArray, added Tags) {
	removed, added = pq.StringArray{}, Tags{}
	for name, value := range c.Tags {
		if value == nil {
			removed = append(removed, name)
		} else {
			added[name] = *value
		}
	}
	return removed, added
}

// judgeBulk decides about each SIM, and counts.
func (t *Tx) judgeBulk(ctx context.Context, c BulkChange, filter SIMFilter) (BulkResult, error) {
	removed, added := c.tagChanges()
	statuses, protected := c.refusedStatuses(), c.protectionRefusal() != nil
	if _, err := t.exec(ctx, judgeBulkSIMs, filter.args().with(args{
		"status": c.Status, "new_plan": c.Plan, "transfer_lock": c.TransferLock, "protection": c.Protection, "new_group": c.Group,
		"clear_tags": c.ClearTags, "removed_tags": removed, "set_tags": added,
		"refused_statuses": statuses, "respects_protection": protected,
	})); err != nil {
		return BulkResult{}, fmt.Errorf("judging the SIMs of a bulk change: %w", err)
	}
	if _, err := t.tx.ExecContext(ctx, `ANALYZE bulk_verdicts`); err != nil {
		return BulkResult{}, fmt.Errorf("judging the SIMs of a bulk change: %w", err)
	}
	var counts []bulkCount
	if err := t.list(ctx, &counts, countBulkVerdicts, args{}); err != nil {
		return BulkResult{}, fmt.Errorf("counting the SIMs of a bulk change: %w", err)
	}
	r := c.result(counts)
	if c.Filter != nil {
		return r, nil
	}
	var unknown struct {
		Count int            `db:"count"`
		First pq.StringArray `db:"first"`
	}
	if err := t.get(ctx, &unknown, selectBulkUnknown, args{}); err != nil {
		return r, fmt.Errorf("looking for identifiers without a SIM: %w", err)
	}
	if unknown.Count > 0 {
		r.Refused = append(r.Refused, BulkRefusal{BulkNotFound, "no SIM has this identifier, or the SIM belongs to another account", unknown.Count, unknown.First})
	}
	return r, nil
}

// refusedStatuses are the statuses from which the rules refuse the new one.
func (c BulkChange) refusedStatuses() pq.StringArray {
	statuses := pq.StringArray{}
	for from := range c.statusRefusals() {
		statuses = append(statuses, string(from))
	}
	return statuses
}

// bulkCount is a row that bulkKindsSQL returns.
type bulkCount struct {
	Outcome string          `db:"outcome"`
	Status  transfer.Status `db:"status"`
	Count   int             `db:"count"`
	First   pq.StringArray  `db:"first"`
}

// result adds up the outcomes.
func (c BulkChange) result(counts []bulkCount) (r BulkResult) {
	refusals, protection := c.statusRefusals(), c.protectionRefusal()
	for _, n := range counts {
		r.Selected += n.Count
		refusal := BulkRefusal{Code: BulkRefusalCode(n.Outcome), Count: n.Count, First: n.First}
		switch {
		case n.Outcome == "changed":
			r.Changed = n.Count
			continue
		case n.Outcome == "unchanged":
			r.Unchanged = n.Count
			continue
		case refusal.Code == BulkStatus:
			refusal.Message = refusals[n.Status].Error()
		case refusal.Code == BulkProtected:
			refusal.Message = protection.Error()
		case refusal.Code == BulkPlan:
			refusal.Message = fmt.Sprintf("the account of the SIM may not hold the plan %q", *c.Plan)
		case refusal.Code == BulkTags:
			refusal.Message = fmt.Sprintf("the SIM would have more than %d tags, or tags of more than %d bytes", transfer.MaxTags, transfer.MaxTagBytes)
		}
		r.Refused = append(r.Refused, refusal)
	}
	return r
}

// statusRefusals returns from which statuses the rules refuse the new one.
func (c BulkChange) statusRefusals() map[transfer.Status]error {
	refusals := map[transfer.Status]error{}
	if c.Status == nil {
		return refusals
	}
	for _, from := range transfer.Statuses() {
		if err := transfer.ChangeStatus(c.StatusBy, from, *c.Status, false); err != nil {
			refusals[from] = err
		}
	}
	return refusals
}

// protectionRefusal returns why the rules refuse the new status for a SIM with
// termination protection, nil if they do not.
func (c BulkChange) protectionRefusal() error {
	if c.Status == nil {
		return nil
	}
	for _, from := range transfer.Statuses() {
		var refused *transfer.StatusError
		if err := transfer.ChangeStatus(c.StatusBy, from, *c.Status, true); errors.As(err, &refused) && refused.Protected {
			return err
		}
	}
	return nil
}
