-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the identifiers that a SIM had, newest first.
-- Given:    @sim: the id of the SIM; @limit: maximum number of rows.
-- Returns:  The identifiers, and until when it had each.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_former_identifiers(sim, limit);
PREPARE select_former_identifiers AS
SELECT identifier, kind, until
FROM former_identifiers
WHERE sim = $1 /*sim*/
ORDER BY until DESC, identifier
LIMIT $2 /*limit*/;
