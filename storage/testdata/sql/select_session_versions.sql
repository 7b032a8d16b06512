-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads the versions of the rows of sessions, which change with every update.
-- Given:    @keys of the sessions.
-- Returns:  The key and the version of each.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_session_versions(keys);
PREPARE select_session_versions AS
SELECT acctuniqueid AS key, ctid::text || xmin::text AS version
FROM radius.radacct
WHERE acctuniqueid = ANY($1 /*keys*/);
