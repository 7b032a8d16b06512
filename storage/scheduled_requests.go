package storage

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

var lockStartable = newStatement(statement{
	name:    "lock_startable",
	does:    "Finds scheduled requests whose window has begun and is not over, oldest first.",
	given:   "The maximum number of rows: @limit.",
	returns: "The ids of the requests.",
	locks:   "Takes the requests, and skips those that another transaction holds.",
	text: `
SELECT id
FROM requests
WHERE state = 'scheduled' AND not_before <= clock_timestamp() AND (expires_at IS NULL OR expires_at > clock_timestamp())
ORDER BY not_before
LIMIT @limit
FOR NO KEY UPDATE SKIP LOCKED`,
})

// StartDue starts the execution of up to limit scheduled requests whose window has
// begun, oldest first, and returns how many it has tried. It skips requests that
// another transaction is deciding on. If a request cannot be started, the others
// still are; the error names each that failed.
func (db *DB) StartDue(ctx context.Context, limit int) (int, error) {
	return db.decideDue(ctx, transfer.Start, func(t *Tx) (due []uuid.UUID, err error) {
		return due, t.list(ctx, &due, lockStartable, args{"limit": limit})
	})
}

var startRequest = newStatement(statement{
	name:  "start_request",
	does:  "Brings a scheduled request to the state in which it is executed.",
	given: "@request and @state.",
	locks: "The caller holds the request.",
	text: `
UPDATE requests
SET state = @state, n_left = size, expires_at = NULL
WHERE id = @request`,
})

func (t *Tx) start(ctx context.Context, r Request, to transfer.RequestState, d Decision) error {
	if _, err := t.exec(ctx, startRequest, args{"request": r.ID, "state": to}); err != nil {
		return fmt.Errorf("starting request %s: %w", r.ID, err)
	}
	if err := t.addChunks(ctx, r.ID, transfer.WorkExecute); err != nil {
		return err
	}
	return t.addEvent(ctx, r.ID, event{kind: d.Event.Kind(), by: d.By, from: r.State, to: to})
}
