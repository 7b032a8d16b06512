package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	Leased   bool                  `db:"leased"` // and the lease has not run out
}

// heldByOther reports whether work is not, or no longer, that of the holder of a
// lease, who may have none.
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

// Counts are how many transfers a piece of work brought to each state; the
// request's counters change by as much.
type Counts struct {
	Eligible   int `db:"eligible"` // negative when eligible transfers are closed
	Support    int `db:"support"`
	Completed  int `db:"completed"`
	Ineligible int `db:"ineligible"`
	Failed     int `db:"failed"`
	Canceled   int `db:"canceled"`
	Declined   int `db:"declined"`
	Denied     int `db:"denied"`
	Expired    int `db:"expired"`
	HandedOff  int `db:"handed_off"` // moved to other work rows, so not dealt with

	Unquoted int   `db:"unquoted"` // of Support, those without an amount in the fee schedule
	Quoted   int64 `db:"quoted"`   // fees of Support, in minor units; negative like it
	Charged  int64 `db:"charged"`  // fees posted, in minor units
}

// told returns the detail of the event that tells of these counts, and how many
// events that makes: none when there is nothing to tell.
func (c Counts) told() (events int, detail string, err error) {
	d := map[string]int{}
	for name, n := range map[string]int{
		"eligible": c.Eligible, "completed": c.Completed, "ineligible": c.Ineligible, "failed": c.Failed,
		"canceled": c.Canceled, "declined": c.Declined, "denied": c.Denied, "expired": c.Expired, "handed_off": c.HandedOff,
	} {
		if n > 0 {
			d[name] = n
		}
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
}

// closeWork subtracts what a piece of work has dealt with from its request, in
// one UPDATE whose new values come from the row itself, writes the event, and
// deletes the work if that was all of it. It is the last lock that the
// transaction takes. The work that brings n_left to 0 finishes the request,
// except in validation, which has the gate for it.
func (t *Tx) closeWork(ctx context.Context, w Work, dealt int, c Counts, all bool) (progress, error) {
	var p struct {
		progress
		Ended bool `db:"ended"`
	}
	validating := w.Kind == transfer.WorkValidate
	kind, _ := w.Kind.Event()
	events, detail, err := c.told()
	if err != nil {
		return p.progress, fmt.Errorf("writing the detail of event %s: %w", w.Kind, err)
	}
	if err := t.hotGet(ctx, &p, `
		WITH r AS (
			UPDATE requests
			SET n_left = n_left - $2,
				n_eligible = n_eligible + $3,
				n_support = n_support + $4,
				n_completed = n_completed + $5,
				n_ineligible = n_ineligible + $6,
				n_failed = n_failed + $7,
				n_canceled = n_canceled + $8,
				n_declined = n_declined + $9,
				n_denied = n_denied + $10,
				n_expired = n_expired + $11,
				n_unquoted = n_unquoted + $17,
				quoted = quoted + $18,
				charged = charged + $19,
				state = CASE WHEN state = 'transferring' AND n_left = $2 THEN 'completed' ELSE state END,
				finished_at = CASE WHEN n_left = $2 AND NOT $12 THEN clock_timestamp() END,
				last_event = last_event + $13
			WHERE id = $1
			RETURNING id, source, destination, state, n_left, n_eligible, n_support, last_event
		), told AS (
			INSERT INTO events (request, source, destination, seq, kind, party, detail)
			SELECT id, source, destination, last_event, $14, $15, $16::jsonb FROM r WHERE $13 > 0
		), ended AS (
			DELETE FROM work WHERE id = $20 AND $21 RETURNING id
		)
		SELECT state, n_left, n_eligible, n_support, EXISTS (SELECT 1 FROM ended) AS ended FROM r`,
		w.Request, dealt, c.Eligible, c.Support, c.Completed, c.Ineligible, c.Failed,
		c.Canceled, c.Declined, c.Denied, c.Expired, validating, events, kind, System().Party, detail,
		c.Unquoted, c.Quoted, c.Charged, w.ID, all); err != nil {
		return p.progress, fmt.Errorf("settling work %d of request %s: %w", w.ID, w.Request.UUID, err)
	}
	if p.Ended != all {
		return p.progress, fmt.Errorf("settling work %d of request %s: the work is gone", w.ID, w.Request.UUID)
	}
	if p.Left > 0 || validating {
		return p.progress, nil
	}
	finish := event{kind: transfer.EventFinish, by: System(), from: p.State, to: p.State}
	if p.State == transfer.RequestCompleted {
		finish.from = transfer.Transferring
	}
	return p.progress, t.addEvent(ctx, w.Request.UUID, finish)
}

// Task names a work row for the queue.
type Task struct {
	Work    int64             `db:"id"`
	Gen     int               `db:"gen"` // of its dispatch: every new one raises it
	Kind    transfer.WorkKind `db:"kind"`
	Queue   transfer.Queue    `db:"queue"`
	Request uuid.NullUUID     `db:"request"`
	Suspect bool              `db:"suspect"` // the last reconciliation found its worker missing
}

// Dispatch marks up to limit due work rows of a queue as dispatched and returns
// them, oldest first. Only after it has committed may they be enqueued.
func (db *DB) Dispatch(ctx context.Context, queue transfer.Queue, limit int) ([]Task, error) {
	var list []Task
	if err := db.hotSelect(ctx, &list, `
		WITH due AS (
			SELECT id
			FROM work
			WHERE queue = $1 AND dispatched_at IS NULL AND dead_at IS NULL AND not_before <= clock_timestamp()
			ORDER BY not_before
			LIMIT $2
			FOR UPDATE SKIP LOCKED
		)
		UPDATE work w
		SET dispatched_at = clock_timestamp(), checked_at = clock_timestamp(), suspect = false, gen = gen + 1
		FROM due
		WHERE w.id = due.id
		RETURNING w.id, w.gen, w.kind, w.queue, w.request, w.suspect`, queue, limit); err != nil {
		return nil, fmt.Errorf("dispatching %s work: %w", queue, err)
	}
	return list, nil
}

// RevertDispatch takes back a dispatch that could not be enqueued.
func (db *DB) RevertDispatch(ctx context.Context, list []Task) error {
	ids, gens := make([]int64, len(list)), make([]int64, len(list))
	for i, t := range list {
		ids[i], gens[i] = t.Work, int64(t.Gen)
	}
	if _, err := db.pool.ExecContext(ctx, `
		UPDATE work w
		SET dispatched_at = NULL
		FROM unnest($1::bigint[], $2::int[]) AS u (id, gen)
		WHERE w.id = u.id AND w.gen = u.gen AND w.dead_at IS NULL`, pq.Array(ids), pq.Array(gens)); err != nil {
		return fmt.Errorf("taking back a dispatch: %w", err)
	}
	return nil
}

// Unconfirmed returns up to limit dispatched work rows that nobody works on
// and that were not looked at for six seconds, longest first, and the suspects
// of the last round. It notes that they were looked at. A lease that has run
// out is suspicion enough: its worker did not renew it.
func (db *DB) Unconfirmed(ctx context.Context, limit int) ([]Task, error) {
	var list []Task
	if err := db.hotSelect(ctx, &list, `
		WITH stale AS (
			SELECT id
			FROM work
			WHERE dispatched_at IS NOT NULL AND dead_at IS NULL
			  AND (lease_until IS NULL OR lease_until < clock_timestamp())
			  AND checked_at < clock_timestamp() - CASE WHEN suspect THEN interval '2 s' ELSE interval '6 s' END
			ORDER BY checked_at
			LIMIT $1
			FOR UPDATE SKIP LOCKED
		)
		UPDATE work w
		SET checked_at = clock_timestamp()
		FROM stale
		WHERE w.id = stale.id
		RETURNING w.id, w.gen, w.kind, w.queue, w.request, w.suspect OR w.lease_until IS NOT NULL AS suspect`, limit); err != nil {
		return nil, fmt.Errorf("looking for unconfirmed work: %w", err)
	}
	return list, nil
}

// MarkSuspect notes whether a task's worker seems to be gone.
func (db *DB) MarkSuspect(ctx context.Context, t Task, suspect bool) error {
	if t.Suspect == suspect {
		return nil
	}
	if _, err := db.pool.ExecContext(ctx, `
		UPDATE work SET suspect = $3 WHERE id = $1 AND gen = $2 AND suspect <> $3`, t.Work, t.Gen, suspect); err != nil {
		return fmt.Errorf("marking work %d: %w", t.Work, err)
	}
	return nil
}

// Redispatch counts a crash against work whose worker is gone and dispatches
// it anew; false if somebody else was faster.
func (db *DB) Redispatch(ctx context.Context, t Task) (Task, bool, error) {
	err := db.pool.GetContext(ctx, &t, `
		UPDATE work
		SET gen = gen + 1, crashes = crashes + 1, suspect = false, dispatched_at = clock_timestamp(), checked_at = clock_timestamp()
		WHERE id = $1 AND gen = $2 AND dead_at IS NULL AND dispatched_at IS NOT NULL
		RETURNING id, gen, kind, queue, request, suspect`, t.Work, t.Gen)
	if errors.Is(notFound(err), ErrNotFound) {
		return t, false, nil
	}
	if err != nil {
		return t, false, fmt.Errorf("dispatching work %d anew: %w", t.Work, err)
	}
	return t, true, nil
}

// WorkInfo describes pending or dead work for the people who operate the service.
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

// WorkList lists work behind an id in the order of ids, all of it or only what
// is dead.
func (db *DB) WorkList(ctx context.Context, deadOnly bool, after int64, limit int) ([]WorkInfo, error) {
	list := []WorkInfo{}
	if err := db.pool.SelectContext(ctx, &list, `
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
		WHERE (dead_at IS NOT NULL OR NOT $1) AND id > $2
		ORDER BY id
		LIMIT $3`, deadOnly, after, limit); err != nil {
		return nil, fmt.Errorf("listing work: %w", err)
	}
	return list, nil
}

// RetryWork gives work another try from the beginning: the ids named, or all
// that is dead when none is. It returns how many rows that were.
func (db *DB) RetryWork(ctx context.Context, ids []int64) (int, error) {
	r, err := db.pool.ExecContext(ctx, `
		UPDATE work
		SET dead_at = NULL, attempts = 0, errors = 0, crashes = 0, dispatched_at = NULL, not_before = clock_timestamp(), error = NULL
		WHERE CASE WHEN cardinality($1::bigint[]) = 0 THEN dead_at IS NOT NULL ELSE id = ANY($1) END
		  AND (lease_until IS NULL OR lease_until < clock_timestamp())`, pq.Array(append([]int64{}, ids...)))
	if err != nil {
		return 0, fmt.Errorf("retrying work: %w", err)
	}
	n, err := r.RowsAffected()
	return int(n), err
}

// add counts transfers that came to a final state.
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
