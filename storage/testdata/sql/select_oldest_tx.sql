-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads which transaction with an id is the oldest that is running, in any database of the server.
-- Given:    nothing
-- Returns:  Its id, and the id of the next transaction to start. They are equal if none is running.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_oldest_tx;
PREPARE select_oldest_tx AS
SELECT pg_snapshot_xmin(s)::text::bigint AS oldest, pg_snapshot_xmax(s)::text::bigint AS next
FROM pg_current_snapshot() AS s;
