-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Keeps a pull request from being canceled.
-- Given:    @pull.
-- Returns:  The account that asks; no row if there is no such pull request.
-- Locks:    Takes the pull request, shared with the decisions of other owners.
--
-- EXPLAIN EXECUTE share_pull(pull);
PREPARE share_pull AS
SELECT asker FROM pulls WHERE id = $1 /*pull*/ FOR SHARE;
