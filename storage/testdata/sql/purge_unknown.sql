-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Deletes transfers that named no SIM of their source, after their request has been finished for a period. The
--           request counts them.
-- Given:    The @period in seconds, and the maximum number of rows: @limit.
-- Returns:  For each source, how many of its transfers were deleted, and of how many requests.
-- Locks:    Takes the requests, and skips those that another transaction holds.
--
-- EXPLAIN EXECUTE purge_unknown(period, limit);
PREPARE purge_unknown AS
WITH due AS MATERIALIZED (
	SELECT id, source
	FROM requests
	WHERE n_unknown > 0 AND finished_at < clock_timestamp() - make_interval(secs => $1 /*period*/)
	ORDER BY finished_at
	LIMIT $2 /*limit*/
	FOR NO KEY UPDATE SKIP LOCKED
), page AS MATERIALIZED (
	SELECT t.ctid AS transfer_at
	FROM due
	JOIN transfers t ON t.request = due.id
	WHERE t.sim IS NULL
	LIMIT $2 /*limit*/
), deleted AS (
	DELETE FROM transfers
	WHERE ctid IN (SELECT transfer_at FROM page)
	RETURNING request
), counted AS (
	SELECT request, count(*) AS sims
	FROM deleted
	GROUP BY request
), marked AS (
	UPDATE requests r
	SET n_unknown = n_unknown - c.sims, n_purged = n_purged + c.sims
	FROM counted c
	WHERE r.id = c.request
	RETURNING r.source, c.sims
)
SELECT m.source AS account, a.operator_id, sum(m.sims) AS sims, count(*) AS requests
FROM marked m
JOIN accounts a ON a.id = m.source
GROUP BY m.source, a.operator_id
ORDER BY m.source;
