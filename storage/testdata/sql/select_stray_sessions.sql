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
	coalesce(a.servicetype, '') AS servicetype,
	CASE WHEN g.secret IS NOT NULL THEN radius.server_address(g.server, a.nasipaddress) END AS server,
	g.secret,
	coalesce(g.require_message_authenticator, false) AS signed
FROM radius.radacct a
LEFT JOIN LATERAL (
	SELECT server, secret, require_message_authenticator
	FROM radius.nas
	WHERE network >>= radius.plain_address(a.nasipaddress)
	ORDER BY masklen(network) DESC
	LIMIT 1
) g ON true
WHERE a.acctstoptime IS NULL AND a.radacctid = ANY($1 /*ids*/);
