package storage

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

var selectCursorExists = newStatement(statement{
	name:    "select_cursor_exists",
	does:    "Finds out whether a cursor of the feed is the position of an event.",
	given:   "The cursor @tx and @id; @account: source or destination of its request (0: any); @batch of its request (null: any).",
	returns: "True or false.",
	text: `
		SELECT EXISTS (
			SELECT 1
			FROM events e
			JOIN requests r ON r.id = e.request
			WHERE e.tx = @tx::text::xid8
			  AND e.id = @id
			  AND (@account = 0 OR e.source = @account OR e.destination = @account)
			  AND (@batch::uuid IS NULL OR r.batch = @batch)
		)`,
})

// CursorExists reports whether a cursor is the position of an event of a request
// of an account (zero: of any account), and of a batch (nil: of any or none). A
// position after the newest event is none: events that come later would be
// missed.
func (db *DB) CursorExists(ctx context.Context, c Cursor, account int64, batch *uuid.UUID) (bool, error) {
	var exists bool
	if err := db.get(ctx, &exists, selectCursorExists, args{
		"tx": c.tx(), "id": c.ID, "account": account, "batch": batch,
	}); err != nil {
		return false, fmt.Errorf("looking for the event of a cursor: %w", err)
	}
	return exists, nil
}
