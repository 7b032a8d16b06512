-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds out whether a cursor of the feed is the position of an event.
-- Given:    The cursor @tx and @id; @account: source or destination of its request (0: any); @batch of its request (null: any).
-- Returns:  True or false.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_cursor_exists(tx, id, account, batch);
PREPARE select_cursor_exists AS
SELECT EXISTS (
	SELECT 1
	FROM events e
	JOIN requests r ON r.id = e.request
	WHERE e.tx = $1 /*tx*/::text::xid8
	  AND e.id = $2 /*id*/
	  AND ($3 /*account*/ = 0 OR e.source = $3 /*account*/ OR e.destination = $3 /*account*/)
	  AND ($4 /*batch*/::uuid IS NULL OR r.batch = $4 /*batch*/)
);
