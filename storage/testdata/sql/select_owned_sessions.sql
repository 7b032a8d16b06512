-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the data sessions that a SIM has had since an instant, newest first.
-- Given:    @sim: the id of the SIM; @since: the instant; @limit: maximum number of rows.
-- Returns:  The sessions, open ones included.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_owned_sessions(sim, since, limit);
PREPARE select_owned_sessions AS
SELECT
	a.acctstarttime,
	coalesce(a.acctupdatetime, a.acctstarttime) AS last_news,
	a.acctstoptime,
	a.acctterminatecause,
	coalesce(a.acctinputoctets, 0) AS acctinputoctets,
	coalesce(a.acctoutputoctets, 0) AS acctoutputoctets,
	host(a.nasipaddress) AS gateway,
	w.id IS NOT NULL AND w.dead_at IS NULL AS ending,
	w.error AS answer
FROM (
	SELECT radacctid, acctstarttime, acctupdatetime, acctstoptime, acctterminatecause, acctinputoctets, acctoutputoctets, nasipaddress
	FROM radius.radacct
	WHERE sim = $1 /*sim*/ AND acctstarttime >= $2 /*since*/
	ORDER BY radacctid DESC
	LIMIT $3 /*limit*/
) a
LEFT JOIN LATERAL (
	SELECT id, dead_at, error
	FROM work
	WHERE kind = 'drop_stray' AND items[1] = a.radacctid AND a.acctstoptime IS NULL
	ORDER BY id
	LIMIT 1
) w ON true
ORDER BY a.radacctid DESC;
