-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Sets the time-out of the transaction's following statements.
-- Given:    @milliseconds, as text.
-- Returns:  The new time-out.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE set_statement_timeout(milliseconds);
PREPARE set_statement_timeout AS
SELECT set_config('statement_timeout', $1 /*milliseconds*/, true);
