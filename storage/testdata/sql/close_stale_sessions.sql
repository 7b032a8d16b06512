-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Closes open sessions that their gateway has not reported for some time, at the time of the last news. If the
--           gateway reports one again, the trigger on radacct opens it again.
-- Given:    @seconds since the last news; the @ids of the sessions, or none for all; the @limit.
-- Returns:  The id of each session that was closed.
-- Locks:    Takes the sessions, by ascending id; skips those that are locked.
--
-- EXPLAIN EXECUTE close_stale_sessions(seconds, ids, limit);
PREPARE close_stale_sessions AS
WITH stale AS (
	SELECT radacctid, coalesce(acctupdatetime, acctstarttime) AS last_news
	FROM radius.radacct
	WHERE acctstoptime IS NULL
	  AND coalesce(acctupdatetime, acctstarttime) < clock_timestamp() - make_interval(secs => $1 /*seconds*/)
	  AND (cardinality($2 /*ids*/::bigint[]) = 0 OR radacctid = ANY($2 /*ids*/))
	ORDER BY radacctid
	LIMIT $3 /*limit*/
	FOR UPDATE SKIP LOCKED
)
UPDATE radius.radacct a
SET acctstoptime = stale.last_news,
	acctsessiontime = extract(epoch FROM stale.last_news - a.acctstarttime)::bigint,
	acctterminatecause = 'Stale-Session',
	closed_at = stale.last_news
FROM stale
WHERE a.radacctid = stale.radacctid
RETURNING a.radacctid;
