-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Ends a pull request on behalf of the asker.
-- Given:    @pull.
-- Returns:  nothing
-- Locks:    The caller holds the pull request.
--
-- EXPLAIN EXECUTE cancel_pull(pull);
PREPARE cancel_pull AS
UPDATE pulls SET canceled_at = clock_timestamp() WHERE id = $1 /*pull*/;
