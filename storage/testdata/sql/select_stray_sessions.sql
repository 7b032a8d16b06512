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
	coalesce(a.imsi, '') AS imsi,
	coalesce(host(a.framedipaddress), '') AS framedip,
	coalesce(host(a.framedipv6address), '') AS framedipv6,
	coalesce(a.framedipv6prefix::text, '') AS framedipv6prefix,
	coalesce(radius.unescaped(a.nasidentifier, a.escaped), '') AS nasidentifier,
	coalesce(a.nasport::text, CASE WHEN a.nasportid ~ '^[0-9]{1,10}$' THEN a.nasportid END, '') AS nasport,
	CASE
		WHEN a.nasportid ~ '^[0-9]{1,10}$' AND coalesce(a.nasport::text, a.nasportid) = a.nasportid THEN '' -- it is NAS-Port
		-- FreeRADIUS expands it twice, and so escapes it twice.
		ELSE coalesce(radius.unescaped(CASE WHEN a.escaped IS FALSE THEN a.nasportid ELSE replace(a.nasportid, '=3D', '=') END, a.escaped), '')
	END AS nasportid,
	coalesce(a.nsapi, '') AS nsapi,
	coalesce(a.class, '') AS class,
	g.id AS gateway,
	CASE WHEN g.secret IS NOT NULL AND g.url IS NULL THEN radius.server_address(g.server, a.nasipaddress, g.disconnect_port) END AS server,
	g.secret,
	coalesce(g.require_message_authenticator, false) AS signed,
	g.attributes,
	coalesce(host(g.source_address), '') AS source_address,
	coalesce(g.max_in_flight, 0) AS max_in_flight,
	coalesce(g.max_per_second, 0) AS max_per_second,
	g.url,
	g.url_secret
FROM radius.radacct a
LEFT JOIN LATERAL (
	SELECT id, server, secret, require_message_authenticator, attributes, disconnect_port, source_address, max_in_flight, max_per_second, url, url_secret
	FROM radius.nas
	WHERE network >>= radius.plain_address(a.nasipaddress)
	ORDER BY masklen(network) DESC
	LIMIT 1
) g ON true
WHERE a.acctstoptime IS NULL AND a.radacctid = ANY($1 /*ids*/);
