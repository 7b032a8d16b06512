package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/transfer"
)

// Work is a durable row that says what remains to be done.
type Work struct {
	ID       int64                 `db:"id"`
	Kind     transfer.WorkKind     `db:"kind"`
	Request  uuid.NullUUID         `db:"request"`
	State    transfer.RequestState `db:"state"` // of the request, as a hint: it is not locked
	Lo       int                   `db:"lo"`    // of a chunk: the transfers with lo <= n < hi
	Hi       int                   `db:"hi"`
	Items    pq.Int64Array         `db:"items"` // otherwise: numbers of transfers, or one radacctid
	N        int                   `db:"n"`
	Gateway  *string               `db:"gateway"`
	Queue    transfer.Queue        `db:"queue"`
	Gen      int                   `db:"gen"`
	Attempts int                   `db:"attempts"`
	Errors   int                   `db:"errors"`
	Crashes  int                   `db:"crashes"`
	Dead     bool                  `db:"dead"`
	Due      bool                  `db:"due"`
	Lease    uuid.NullUUID         `db:"lease"`
	Leased   bool                  `db:"leased"` // the lease is still valid
}

// heldByOther reports whether another worker has a lease on work. The caller has
// the lease given, or none.
func (w Work) heldByOther(lease uuid.NullUUID) bool {
	return w.Lease != lease && (lease.Valid || w.Leased)
}

const workColumns = `
	w.id,
	w.kind,
	w.request,
	coalesce((SELECT r.state FROM requests r WHERE r.id = w.request), '') AS state,
	coalesce(w.lo, 0) AS lo,
	coalesce(w.hi, 0) AS hi,
	w.items,
	w.n,
	w.gateway,
	w.queue,
	w.gen,
	w.attempts,
	w.errors,
	w.crashes,
	w.dead_at IS NOT NULL AS dead,
	w.not_before <= clock_timestamp() AS due,
	w.lease,
	coalesce(w.lease_until >= clock_timestamp(), false) AS leased`

var lockWork = newStatement(statement{
	name:     "lock_work",
	does:     "Locks a work row, waiting for the transaction that holds it.",
	given:    "@id of the work.",
	returns:  "The row; none if the work is done.",
	locks:    "Takes the work row: the first lock of a transaction that works on it.",
	prepared: true,
	text: `SELECT` + workColumns + `
FROM work w
WHERE w.id = @id
FOR UPDATE`,
})

// LockWork locks a work row, waiting for the transaction that holds it. It
// returns ErrNotFound if the work is done.
func (t *Tx) LockWork(ctx context.Context, id int64) (Work, error) {
	var w Work
	err := t.get(ctx, &w, lockWork, args{"id": id})
	return w, err
}

var lockFreeWork = newStatement(statement{
	name:    "lock_free_work",
	does:    "Locks a work row unless another transaction holds it.",
	given:   "@id of the work.",
	returns: "The row; none if the work is done or another transaction holds it.",
	locks:   "Takes the work row, without waiting.",
	text: `SELECT` + workColumns + `
FROM work w
WHERE w.id = @id
FOR UPDATE SKIP LOCKED`,
})

// lockFreeWork locks a work row unless another transaction holds it. It returns
// ErrNotFound if one does, or if the work is done.
func (t *Tx) lockFreeWork(ctx context.Context, id int64) (Work, error) {
	var w Work
	err := t.get(ctx, &w, lockFreeWork, args{"id": id})
	return w, err
}

// Counts are how many transfers a piece of work brought to each state. The
// request's counters change by these numbers.
type Counts struct {
	Eligible   int `db:"eligible"` // negative when eligible transfers are closed
	Support    int `db:"support"`  // of Eligible; never further from zero
	Completed  int `db:"completed"`
	Ineligible int `db:"ineligible"`
	Failed     int `db:"failed"`
	Canceled   int `db:"canceled"`
	Declined   int `db:"declined"`
	Denied     int `db:"denied"`
	Expired    int `db:"expired"`
	Unknown    int `db:"unknown"`    // of those closed, the transfers that named no SIM of the source
	HandedOff  int `db:"handed_off"` // moved to other work rows, and still to be dealt with

	Unquoted int   `db:"unquoted"` // of Support, those without an amount in the fee schedule
	Quoted   int64 `db:"quoted"`   // fees of Support, in minor units; negative when Support is
	Charged  int64 `db:"charged"`  // fees posted, in minor units

	FeeEntry *int64 `db:"fee_entry"` // from which Quoted is; nil if nothing was quoted

	GatewayAnswer string `db:"-"` // of those that failed: what a gateway answered last
}

// event returns the detail of the event that reports these counts, and the
// number of such events: 0 if all counts are zero, else 1.
func (c Counts) event() (events int, detail string, err error) {
	d := map[string]any{}
	for name, n := range map[string]int{
		"eligible": c.Eligible, "completed": c.Completed, "ineligible": c.Ineligible, "failed": c.Failed,
		"canceled": c.Canceled, "declined": c.Declined, "denied": c.Denied, "expired": c.Expired, "handed_off": c.HandedOff,
	} {
		if n > 0 {
			d[name] = n
		}
	}
	if len(d) > 0 && c.GatewayAnswer != "" {
		d["gateway_answer"] = c.GatewayAnswer
	}
	b, err := json.Marshal(d)
	return min(len(d), 1), string(b), err
}

// progress is what is left of a request after a piece of work.
type progress struct {
	State    transfer.RequestState `db:"state"`
	Left     int                   `db:"n_left"`
	Eligible int                   `db:"n_eligible"`
	Support  int                   `db:"n_support"`

	Size      int `db:"size"`
	Offered   int `db:"n_offered"` // SIMs that the destination could decide on
	Completed int `db:"n_completed"`
}

// progressColumns are the columns of progress of a request.
const progressColumns = `state, n_left, n_eligible, n_support, size, size - n_ineligible - n_withheld AS n_offered, n_completed`

// finished returns the event that a request is finished, from a state.
func (p progress) finished(from transfer.RequestState) event {
	return event{
		kind: transfer.EventFinish, by: System(), from: from, to: p.State,
		detail: map[string]any{"size": p.Size, "sims": p.Offered, "completed": p.Completed},
	}
}

// The new values come from the row itself, so concurrent chunks need no lock
// before this one. The state is the one transition that SQL decides instead of
// transfer.Next: only this UPDATE knows which work is the last.
var closeWork = newStatement(statement{
	name: "close_work",
	does: `Subtracts what a piece of work has dealt with from its request, writes the event and deletes the work.
		The work that brings n_left to 0 finishes the request, except in validation.`,
	given: `@work, its @request, and how many transfers are @done.
		The changes of the request's counters: @eligible @support @completed @ineligible @failed @canceled
		@declined @denied @expired @unknown @unquoted, and of its sums: @quoted @charged.
		@fee_entry: the entry that the fees were quoted from, or null.
		@validating: the request stays open when nothing is left.
		@events is 1 to write an event, of @kind by @party with @detail, or 0.
		@all: delete the work.`,
	returns:  "The request's state and counters, and whether the work row was deleted.",
	locks:    "Takes the request, as the last lock of the transaction. The caller holds the work row.",
	prepared: true,
	text: `
WITH r AS (
	UPDATE requests
	SET n_left = n_left - @done,
		n_eligible = n_eligible + @eligible,
		n_support = n_support + @support,
		n_completed = n_completed + @completed,
		n_ineligible = n_ineligible + @ineligible,
		n_failed = n_failed + @failed,
		n_canceled = n_canceled + @canceled,
		n_declined = n_declined + @declined,
		n_denied = n_denied + @denied,
		n_expired = n_expired + @expired,
		n_unknown = n_unknown + @unknown,
		n_unquoted = n_unquoted + @unquoted,
		any_self_service = any_self_service OR @eligible > @support,
		any_support_assisted = any_support_assisted OR @support > 0,
		quoted = quoted + @quoted,
		charged = charged + @charged,
		fee_entries = CASE WHEN @fee_entry::int = ANY (fee_entries) THEN fee_entries ELSE fee_entries || array_remove(ARRAY[@fee_entry::int], NULL) END,
		state = CASE WHEN state = 'transferring' AND n_left = @done THEN 'completed' ELSE state END,
		finished_at = CASE WHEN n_left = @done AND NOT @validating THEN clock_timestamp() END,
		last_event = last_event + @events,
		last_tx = greatest(last_tx, pg_current_xact_id())
	WHERE id = @request
	RETURNING id, source, CASE WHEN offered_at IS NOT NULL THEN destination END AS destination, last_event, last_tx, ` + progressColumns + `
), event AS (
	INSERT INTO events (request, source, destination, seq, tx, kind, party, detail)
	SELECT id, source, destination, last_event, last_tx, @kind, @party, @detail::jsonb
	FROM r
	WHERE @events > 0
), ended AS (
	DELETE FROM work
	WHERE id = @work AND @all
	RETURNING id
)
SELECT state, n_left, n_eligible, n_support, size, n_offered, n_completed, EXISTS (SELECT 1 FROM ended) AS ended
FROM r`,
})

// closeWork subtracts what a piece of work has dealt with from its request, and
// deletes the work if all of it is done. The work that brings n_left to 0
// finishes the request, except in validation, after which CloseValidation
// decides what comes next.
func (t *Tx) closeWork(ctx context.Context, w Work, done int, c Counts, all bool) (progress, error) {
	var p struct {
		progress
		Ended bool `db:"ended"`
	}
	validating := w.Kind == transfer.WorkValidate
	kind, _ := w.Kind.Event()
	events, detail, err := c.event()
	if err != nil {
		return p.progress, fmt.Errorf("writing the detail of event %s: %w", w.Kind, err)
	}
	if err := t.get(ctx, &p, closeWork, args{
		"work": w.ID, "request": w.Request, "done": done, "all": all, "validating": validating,
		"eligible": c.Eligible, "support": c.Support, "completed": c.Completed, "ineligible": c.Ineligible,
		"failed": c.Failed, "canceled": c.Canceled, "declined": c.Declined, "denied": c.Denied, "expired": c.Expired,
		"unknown": c.Unknown, "unquoted": c.Unquoted, "quoted": c.Quoted, "charged": c.Charged,
		"fee_entry": c.FeeEntry,
		"events":    events, "kind": kind, "party": System().Party, "detail": detail,
	}); err != nil {
		return p.progress, fmt.Errorf("closing work %d of request %s: %w", w.ID, w.Request.UUID, err)
	}
	if p.Ended != all {
		return p.progress, fmt.Errorf("closing work %d of request %s: the work row is gone", w.ID, w.Request.UUID)
	}
	if p.Left > 0 || validating {
		return p.progress, nil
	}
	from := p.State
	if p.State == transfer.RequestCompleted {
		from = transfer.Transferring
	}
	return p.progress, t.addEvent(ctx, w.Request.UUID, p.finished(from))
}

// Task is a dispatched work row, as the queue carries it.
type Task struct {
	Work    int64             `db:"id"`
	Gen     int               `db:"gen"` // the number of the dispatch
	Kind    transfer.WorkKind `db:"kind"`
	Queue   transfer.Queue    `db:"queue"`
	Request uuid.NullUUID     `db:"request"`
	Suspect bool              `db:"suspect"` // the last reconciliation did not find its worker
}

var dispatchWork = newStatement(statement{
	name:     "dispatch_work",
	does:     "Marks due work of a queue as dispatched, oldest first.",
	given:    "@queue, and the maximum number of rows: @limit.",
	returns:  "The tasks to enqueue.",
	locks:    "Takes the work rows, and skips those that another transaction holds.",
	prepared: true,
	text: `
WITH due AS (
	SELECT id
	FROM work
	WHERE queue = @queue AND dispatched_at IS NULL AND dead_at IS NULL AND not_before <= clock_timestamp()
	ORDER BY not_before
	LIMIT @limit
	FOR UPDATE SKIP LOCKED
)
UPDATE work w
SET dispatched_at = clock_timestamp(), checked_at = clock_timestamp(), suspect = false, gen = gen + 1
FROM due
WHERE w.id = due.id
RETURNING w.id, w.gen, w.kind, w.queue, w.request, w.suspect`,
})

// Dispatch marks up to limit due work rows of a queue as dispatched and returns
// them, oldest first. They must be enqueued only after this has committed. Drop work
// of large requests is gathered before.
func (db *DB) Dispatch(ctx context.Context, queue transfer.Queue, limit int) ([]Task, error) {
	if queue == transfer.QueueGateway {
		if err := db.gatherDrops(ctx); err != nil {
			return nil, err
		}
	}
	var list []Task
	if err := db.list(ctx, &list, dispatchWork, args{"queue": queue, "limit": limit}); err != nil {
		return nil, fmt.Errorf("dispatching %s work: %w", queue, err)
	}
	return list, nil
}

var revertDispatch = newStatement(statement{
	name:  "revert_dispatch",
	does:  "Marks work as not dispatched, unless it has been dispatched again since.",
	given: "@ids of work rows, and the dispatch of each: @gens.",
	locks: "Takes the work rows.",
	text: `
UPDATE work w
SET dispatched_at = NULL
FROM unnest(@ids::bigint[], @gens::int[]) AS u (id, gen)
WHERE w.id = u.id AND w.gen = u.gen AND w.dead_at IS NULL`,
})

// RevertDispatch marks work that could not be enqueued as not dispatched.
func (db *DB) RevertDispatch(ctx context.Context, list []Task) error {
	ids, gens := make([]int64, len(list)), make([]int64, len(list))
	for i, t := range list {
		ids[i], gens[i] = t.Work, int64(t.Gen)
	}
	if _, err := db.exec(ctx, revertDispatch, args{"ids": pq.Array(ids), "gens": pq.Array(gens)}); err != nil {
		return fmt.Errorf("reverting the dispatch of %d work rows: %w", len(list), err)
	}
	return nil
}

var checkUnconfirmed = newStatement(statement{
	name: "check_unconfirmed",
	does: `Finds dispatched work that no worker has leased and that was not checked for 6 s,
		or for 2 s if the last check made it suspect, and marks it as checked.`,
	given:    "The maximum number of rows: @limit.",
	returns:  "The tasks to look for in the queue. A task is suspect also if its lease has run out.",
	locks:    "Takes the work rows, and skips those that another transaction holds.",
	prepared: true,
	text: `
WITH stale AS (
	SELECT id
	FROM work
	WHERE dispatched_at IS NOT NULL AND dead_at IS NULL
	  AND (lease_until IS NULL OR lease_until < clock_timestamp())
	  AND checked_at < clock_timestamp() - CASE WHEN suspect THEN interval '2 s' ELSE interval '6 s' END
	ORDER BY checked_at
	LIMIT @limit
	FOR UPDATE SKIP LOCKED
)
UPDATE work w
SET checked_at = clock_timestamp()
FROM stale
WHERE w.id = stale.id
RETURNING w.id, w.gen, w.kind, w.queue, w.request, w.suspect OR w.lease_until IS NOT NULL AS suspect`,
})

// Unconfirmed returns up to limit dispatched work rows that no worker has
// leased and that were not checked for six seconds (two seconds if the last
// check made them suspect), and marks them as checked. A lease that has run out
// makes work suspect, because its worker did not renew it.
func (db *DB) Unconfirmed(ctx context.Context, limit int) ([]Task, error) {
	var list []Task
	if err := db.list(ctx, &list, checkUnconfirmed, args{"limit": limit}); err != nil {
		return nil, fmt.Errorf("looking for unconfirmed work: %w", err)
	}
	return list, nil
}

var markSuspect = newStatement(statement{
	name:  "mark_suspect",
	does:  "Records whether the worker of dispatched work seems to be gone.",
	given: "@id of the work, the @gen of its dispatch, and @suspect.",
	locks: "Takes the work row.",
	text: `
UPDATE work
SET suspect = @suspect
WHERE id = @id AND gen = @gen AND suspect <> @suspect`,
})

// MarkSuspect records whether a task's worker seems to be gone.
func (db *DB) MarkSuspect(ctx context.Context, t Task, suspect bool) error {
	if t.Suspect == suspect {
		return nil
	}
	if _, err := db.exec(ctx, markSuspect, args{"id": t.Work, "gen": t.Gen, "suspect": suspect}); err != nil {
		return fmt.Errorf("marking work %d: %w", t.Work, err)
	}
	return nil
}

var redispatchWork = newStatement(statement{
	name:    "redispatch_work",
	does:    "Counts a crash against work whose worker is gone, and dispatches it again.",
	given:   "@id of the work, and the @gen of the dispatch that was lost.",
	returns: "The task to enqueue; none if another process has already redispatched it.",
	locks:   "Takes the work row.",
	text: `
UPDATE work
SET gen = gen + 1, crashes = crashes + 1, suspect = false, dispatched_at = clock_timestamp(), checked_at = clock_timestamp()
WHERE id = @id AND gen = @gen AND dead_at IS NULL AND dispatched_at IS NOT NULL
RETURNING id, gen, kind, queue, request, suspect`,
})

// Redispatch counts a crash against work whose worker is gone, and dispatches
// it again. It returns false if another process has already done so.
func (db *DB) Redispatch(ctx context.Context, t Task) (Task, bool, error) {
	err := db.get(ctx, &t, redispatchWork, args{"id": t.Work, "gen": t.Gen})
	if errors.Is(err, ErrNotFound) {
		return t, false, nil
	}
	if err != nil {
		return t, false, fmt.Errorf("dispatching work %d again: %w", t.Work, err)
	}
	return t, true, nil
}

// WorkInfo describes pending or dead work to operators of the service.
type WorkInfo struct {
	ID           int64             `db:"id" json:"id"`
	Kind         transfer.WorkKind `db:"kind" json:"kind"`
	Request      uuid.NullUUID     `db:"request" json:"request"`
	Lo           *int              `db:"lo" json:"lo,omitempty"`
	Hi           *int              `db:"hi" json:"hi,omitempty"`
	N            int               `db:"n" json:"n"`
	Gateway      *string           `db:"gateway" json:"gateway,omitempty"`
	Queue        transfer.Queue    `db:"queue" json:"queue"`
	NotBefore    time.Time         `db:"not_before" json:"not_before"`
	DispatchedAt *time.Time        `db:"dispatched_at" json:"dispatched_at"`
	Gen          int               `db:"gen" json:"gen"`
	Attempts     int               `db:"attempts" json:"attempts"`
	Errors       int               `db:"errors" json:"errors"`
	Crashes      int               `db:"crashes" json:"crashes"`
	DeadAt       *time.Time        `db:"dead_at" json:"dead_at"`
	Error        *string           `db:"error" json:"error"`
}

var selectWork = newStatement(statement{
	name:    "select_work",
	does:    "Lists work by ascending id.",
	given:   "@dead_only, the id @after which to start, and the maximum number of rows: @limit.",
	returns: "The work rows.",
	text: `
SELECT
	id,
	kind,
	request,
	lo,
	hi,
	n,
	gateway,
	queue,
	not_before,
	dispatched_at,
	gen,
	attempts,
	errors,
	crashes,
	dead_at,
	error
FROM work
WHERE (dead_at IS NOT NULL OR NOT @dead_only) AND id > @after
ORDER BY id
LIMIT @limit`,
})

// WorkList lists up to limit work rows by ascending id, from the first whose id
// is greater than after. If deadOnly is set, it lists only dead work.
func (db *DB) WorkList(ctx context.Context, deadOnly bool, after int64, limit int) ([]WorkInfo, error) {
	list := []WorkInfo{}
	if err := db.list(ctx, &list, selectWork, args{"dead_only": deadOnly, "after": after, "limit": limit}); err != nil {
		return nil, fmt.Errorf("listing work: %w", err)
	}
	return list, nil
}

var retryWork = newStatement(statement{
	name:    "retry_work",
	does:    "Makes work due again, as if it had never failed, unless a worker has leased it.",
	given:   "@ids of work rows; an empty array means all dead work.",
	returns: "The ids of the rows.",
	locks:   "Takes the work rows.",
	text: `
UPDATE work
SET dead_at = NULL, attempts = 0, errors = 0, crashes = 0, dispatched_at = NULL, not_before = clock_timestamp(), error = NULL
WHERE CASE WHEN cardinality(@ids::bigint[]) = 0 THEN dead_at IS NOT NULL ELSE id = ANY(@ids) END
  AND (lease_until IS NULL OR lease_until < clock_timestamp())
RETURNING id`,
})

// RetryWork makes work due again, as if it had never failed: the rows with
// these ids, or all dead work if there are none. It skips work that a worker has
// leased, and returns the number of rows.
func (db *DB) RetryWork(ctx context.Context, by Actor, ids []int64) (int, error) {
	var retried []int64
	err := db.InRetriedTx(ctx, func(t *Tx) error {
		retried = nil
		if err := t.list(ctx, &retried, retryWork, args{"ids": pq.Array(append([]int64{}, ids...))}); err != nil {
			return fmt.Errorf("retrying work: %w", err)
		}
		if len(retried) == 0 {
			return nil
		}
		slices.Sort(retried)
		return t.Audit(ctx, AuditEntry{By: by, Action: transfer.AuditWorkRetry, Object: "work", After: map[string]any{
			"retried": len(retried), "work": retried[:min(len(retried), maxAuditedWork)],
		}})
	})
	return len(retried), err
}

// maxAuditedWork is the maximum number of ids that the audit entry of a retry lists.
const maxAuditedWork = 100

// add adds n transfers that came to a final state.
func (c *Counts) add(outcome transfer.State, n int) {
	switch outcome {
	case transfer.Completed:
		c.Completed += n
	case transfer.Ineligible:
		c.Ineligible += n
	case transfer.Failed:
		c.Failed += n
	case transfer.Canceled:
		c.Canceled += n
	case transfer.Declined:
		c.Declined += n
	case transfer.Denied:
		c.Denied += n
	case transfer.Expired:
		c.Expired += n
	case transfer.Pending, transfer.Eligible:
	}
}

// endOrPostponeSQL is the end of a statement whose last common table expression, next,
// has the time at which the work @id is due again, as at, or no row if nothing is left to
// do. The work is then deleted. set has further columns to set.
func endOrPostponeSQL(set string) string {
	return `), ended AS (
	DELETE FROM work
	WHERE id = @id AND NOT EXISTS (SELECT 1 FROM next)
	RETURNING id
), postponed AS (
	UPDATE work w
	SET not_before = next.at,` + set + `
		dispatched_at = NULL,
		lease = NULL,
		lease_until = NULL,
		errors = 0,
		crashes = 0,
		error = NULL
	FROM next
	WHERE w.id = @id
	RETURNING w.id
)
SELECT id FROM ended UNION ALL SELECT id FROM postponed`
}
