-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Sets the time-outs of the transaction, and makes the planner choose plans of cursors for all of
--           their rows instead of the first ones.
-- Given:    @statement and @idle: the time-outs in milliseconds, as text.
-- Returns:  A row.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE set_export_limits(statement, idle);
PREPARE set_export_limits AS
SELECT
	set_config('statement_timeout', $1 /*statement*/, true),
	set_config('idle_in_transaction_session_timeout', $2 /*idle*/, true),
	set_config('cursor_tuple_fraction', '1', true);
