-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the account that asks with a pull request. It never changes.
-- Given:    @pull.
-- Returns:  The account; no row if there is no such pull request.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_pull_asker(pull);
PREPARE select_pull_asker AS
SELECT asker FROM pulls WHERE id = $1 /*pull*/;
