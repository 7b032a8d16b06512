-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists open sessions that their gateway has not reported for some time, by id.
-- Given:    @seconds since the last news, the id @after which to start, and the @limit.
-- Returns:  A row for each session.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_stale_sessions(seconds, after, limit);
PREPARE select_stale_sessions AS
SELECT
	a.radacctid,
	s.iccid,
	host(a.nasipaddress) AS gateway,
	a.acctstarttime,
	coalesce(a.acctupdatetime, a.acctstarttime) AS last_news
FROM radius.radacct a
LEFT JOIN sims s ON s.id = a.sim
WHERE a.acctstoptime IS NULL
  AND coalesce(a.acctupdatetime, a.acctstarttime) < clock_timestamp() - make_interval(secs => $1 /*seconds*/)
  AND a.radacctid > $2 /*after*/
ORDER BY a.radacctid
LIMIT $3 /*limit*/;
