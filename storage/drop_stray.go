package storage

import (
	"context"
	"fmt"
)

var selectStraySessions = newStatement(statement{
	name:     "select_stray_sessions",
	does:     "Lists the sessions with some ids that are still open, with the gateways to ask.",
	given:    "@ids of the sessions.",
	returns:  "A row for each session.",
	prepared: true,
	// OFFSET 0 keeps the planner from reading all open sessions by their own index.
	text: openSessions(`
SELECT
	0 AS n,
	` + sessionFields + `
FROM (
	SELECT
		acctstoptime,
		` + indent(1, sessionFields) + `
	FROM radius.radacct
	WHERE radacctid = ANY(@ids)
	OFFSET 0
) a
WHERE acctstoptime IS NULL`),
})

var deleteWork = newStatement(statement{
	name:     "delete_work",
	does:     "Deletes a work row.",
	given:    "@id of the work.",
	locks:    "The caller holds the work row.",
	prepared: true,
	text: `
DELETE FROM work
WHERE id = @id`,
})

// EndStray deletes the work of a stray session that is gone. The caller has
// locked the work row.
func (t *Tx) EndStray(ctx context.Context, w Work) error {
	if _, err := t.exec(ctx, deleteWork, args{"id": w.ID}); err != nil {
		return fmt.Errorf("deleting work %d: %w", w.ID, err)
	}
	return nil
}
