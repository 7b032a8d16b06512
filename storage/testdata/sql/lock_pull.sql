-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks a pull request, to cancel it.
-- Given:    @pull.
-- Returns:  The account that asks; no row if there is no such pull request.
-- Locks:    Takes the pull request.
--
-- EXPLAIN EXECUTE lock_pull(pull);
PREPARE lock_pull AS
SELECT asker FROM pulls WHERE id = $1 /*pull*/ FOR NO KEY UPDATE;
