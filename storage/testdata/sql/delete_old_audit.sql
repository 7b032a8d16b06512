-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Deletes entries of the audit trail that are older than a period, oldest first.
-- Given:    @period in seconds, at least 90 days; @limit: maximum number of entries.
-- Returns:  nothing
-- Locks:    Takes the entries.
--
-- EXPLAIN EXECUTE delete_old_audit(period, limit);
PREPARE delete_old_audit AS
DELETE FROM audit
WHERE id IN (
	SELECT id
	FROM audit
	WHERE at < clock_timestamp() - make_interval(secs => $1 /*period*/)
	ORDER BY at
	LIMIT $2 /*limit*/
);
