-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the sessions with some ids that are still open, with the gateways to ask.
-- Given:    @ids of the sessions.
-- Returns:  A row for each session.
-- Locks:    nothing
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE select_stray_sessions(ids);
PREPARE select_stray_sessions AS
SELECT
	0 AS n,
	a.radacctid,
	radius.unescaped(a.acctsessionid, a.escaped) AS acctsessionid,
	coalesce(radius.unescaped_username(a.username, a.escaped), '') AS username,
	coalesce(radius.unescaped(a.callingstationid, a.escaped), '') AS callingstationid,
	host(a.nasipaddress) AS nasipaddress,
	coalesce(nullif(g.server, ''), CASE family(a.nasipaddress) WHEN 6 THEN '[' || g.nasname || ']' ELSE g.nasname END || ':3799') AS server,
	g.secret
FROM radius.radacct a
LEFT JOIN radius.nas g ON g.nasname = host(a.nasipaddress)
WHERE a.acctstoptime IS NULL AND a.radacctid = ANY($1 /*ids*/);
