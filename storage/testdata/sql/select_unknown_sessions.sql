-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists open data sessions that name no SIM, oldest row first.
-- Given:    @after: only sessions with a greater radacctid; @limit: maximum number of rows.
-- Returns:  The sessions, with their texts as the gateway sent them and as they are stored.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_unknown_sessions(after, limit);
PREPARE select_unknown_sessions AS
SELECT
	radacctid,
	radius.unescaped(acctsessionid, escaped) AS acctsessionid,
	coalesce(radius.unescaped_username(username, escaped), '') AS username,
	coalesce(radius.unescaped(callingstationid, escaped), '') AS callingstationid,
	coalesce(imsi, '') AS imsi,
	acctsessionid AS stored_id,
	coalesce(username, '') AS stored_username,
	coalesce(callingstationid, '') AS stored_calling,
	host(nasipaddress) AS gateway,
	coalesce(acctstarttime, acctupdatetime, 'epoch') AS acctstarttime,
	coalesce(acctupdatetime, acctstarttime, 'epoch') AS last_news,
	start_error
FROM radius.radacct
WHERE sim IS NULL
  AND acctstoptime IS NULL
  AND radacctid > $1 /*after*/
ORDER BY sim, radacctid -- in the order of the index
LIMIT $2 /*limit*/;
