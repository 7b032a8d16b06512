-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Erases the IP addresses of callers from entries of the audit trail that are older than a period, oldest first.
-- Given:    @period in seconds; @limit: maximum number of entries to look at. It continues after the one that
--           erased_addresses names.
-- Returns:  The number of entries that were old enough.
-- Locks:    Takes the row of the table in erased_addresses, and the entries that change.
--
-- EXPLAIN EXECUTE erase_old_audit_addresses(period, limit);
PREPARE erase_old_audit_addresses AS
WITH page AS (
	SELECT id, at < clock_timestamp() - make_interval(secs => $1 /*period*/) AS old
	FROM audit
	WHERE id > (SELECT upto FROM erased_addresses WHERE table_name = 'audit')
	ORDER BY id
	LIMIT $2 /*limit*/
),
reached AS (
	SELECT coalesce(min(id) FILTER (WHERE NOT old) - 1, max(id)) AS upto
	FROM page
),
erased AS (
	UPDATE audit t
	SET address = NULL
	FROM page p, reached r
	WHERE t.id = p.id AND p.id <= r.upto AND t.address IS NOT NULL
),
moved AS (
	UPDATE erased_addresses e
	SET upto = greatest(e.upto, r.upto)
	FROM reached r
	WHERE e.table_name = 'audit' AND r.upto IS NOT NULL
)
SELECT count(*)
FROM page p, reached r
WHERE p.id <= r.upto;
