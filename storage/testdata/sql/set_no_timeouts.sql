-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lets the transaction wait, and be idle, for as long as it takes.
-- Given:    nothing
-- Returns:  A row.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE set_no_timeouts;
PREPARE set_no_timeouts AS
SELECT
	set_config('idle_in_transaction_session_timeout', '0', true),
	set_config('lock_timeout', '0', true),
	set_config('statement_timeout', '0', true);
