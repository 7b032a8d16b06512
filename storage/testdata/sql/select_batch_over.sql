-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds out whether a batch is finished and has no event after a cursor.
-- Given:    @batch and its @account, and the cursor @tx and @id.
-- Returns:  True or false.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_batch_over(batch, account, tx, id);
PREPARE select_batch_over AS
SELECT
	NOT EXISTS (
		SELECT 1
		FROM requests
		WHERE batch = $1 /*batch*/ AND finished_at IS NULL
	)
	AND NOT EXISTS (
		SELECT 1
		FROM events e
		JOIN requests q ON q.id = e.request AND q.batch = $1 /*batch*/
		WHERE e.source = $2 /*account*/ AND (e.tx, e.id) > ($3 /*tx*/::text::xid8, $4 /*id*/)
	);
