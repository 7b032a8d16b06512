package storage

import (
	"context"
	"fmt"

	"simtransfer/transfer"
)

var extendRequest = newStatement(statement{
	name:  "extend_request",
	does:  "Moves the expiry of a request that waits for a decision, and its next reminder.",
	given: "@request and its new expiry: @until.",
	locks: "The caller holds the request.",
	text: `
UPDATE requests
SET expires_at = @until,
	remind_at = ` + remindAtSQL("reminded", "coalesce(waiting_since, offered_at, created_at)", "@until::timestamptz") + `
WHERE id = @request`,
})

// extend gives more time to decide.
func (t *Tx) extend(ctx context.Context, r Request, d Decision) error {
	until := d.Until
	if until.IsZero() {
		until = r.ExpiresAt.Add(d.Longer)
	}
	if err := transfer.CheckExtension(r.beganWaiting(), *r.ExpiresAt, until); err != nil {
		return err
	}
	if _, err := t.exec(ctx, extendRequest, args{"request": r.ID, "until": until}); err != nil {
		return fmt.Errorf("extending request %s: %w", r.ID, err)
	}
	return t.addEvent(ctx, r.ID, event{kind: d.Event.Kind(), by: d.By, detail: map[string]any{
		"expires_at": until.UTC(), "previously": r.ExpiresAt.UTC(),
	}})
}
