-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the open sessions of the SIMs of some eligible transfers, with the gateways to ask.
-- Given:    @request and the @numbers of its transfers.
-- Returns:  A row for each session.
-- Locks:    nothing
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE select_sim_sessions(request, numbers);
PREPARE select_sim_sessions AS
WITH open AS MATERIALIZED (
	SELECT
		t.n,
		o.*
	FROM transfers t
	CROSS JOIN LATERAL (
		SELECT radacctid, acctsessionid, username, callingstationid, nasipaddress, servicetype, imsi, framedipaddress, framedipv6address,
		framedipv6prefix, nasidentifier, nasport, nasportid, nsapi, class, escaped
		FROM radius.radacct
		WHERE sim = t.sim AND acctstoptime IS NULL
		OFFSET 0
	) o
	WHERE t.request = $1 /*request*/ AND t.n = ANY($2 /*numbers*/::int[]) AND t.state = 'eligible'
), gateway AS MATERIALIZED (
	SELECT
		o.nasipaddress,
		g.*
	FROM (SELECT DISTINCT nasipaddress FROM open) o
	LEFT JOIN LATERAL (
		SELECT
			id,
			secret,
			attributes,
			source_address,
			max_in_flight,
			max_per_second,
			url,
			url_secret,
			require_message_authenticator AS signed,
			CASE WHEN secret IS NOT NULL AND url IS NULL THEN radius.server_address(server, o.nasipaddress, disconnect_port) END AS server
		FROM radius.nas
		WHERE network >>= radius.plain_address(o.nasipaddress)
		ORDER BY masklen(network) DESC
		LIMIT 1
	) g ON true
)
SELECT
	a.n,
	a.radacctid,
	CASE
		WHEN strpos(a.acctsessionid, '=') > 0 OR strpos(a.acctsessionid, '\') > 0 THEN radius.unescaped(a.acctsessionid, a.escaped)
		ELSE convert_to(a.acctsessionid, 'UTF8')
	END AS acctsessionid,
	coalesce(CASE
		WHEN strpos(a.username, '=') > 0 OR strpos(a.username, '\') > 0 THEN radius.unescaped_username(a.username, a.escaped)
		ELSE convert_to(a.username, 'UTF8')
	END, '') AS username,
	coalesce(CASE
		WHEN strpos(a.callingstationid, '=') > 0 OR strpos(a.callingstationid, '\') > 0 THEN radius.unescaped(a.callingstationid, a.escaped)
		ELSE convert_to(a.callingstationid, 'UTF8')
	END, '') AS callingstationid,
	host(a.nasipaddress) AS nasipaddress,
	coalesce(a.servicetype, '') AS servicetype,
	coalesce(a.imsi, '') AS imsi,
	coalesce(host(a.framedipaddress), '') AS framedip,
	coalesce(host(a.framedipv6address), '') AS framedipv6,
	coalesce(a.framedipv6prefix::text, '') AS framedipv6prefix,
	coalesce(CASE
		WHEN strpos(a.nasidentifier, '=') > 0 OR strpos(a.nasidentifier, '\') > 0 THEN radius.unescaped(a.nasidentifier, a.escaped)
		ELSE convert_to(a.nasidentifier, 'UTF8')
	END, '') AS nasidentifier,
	coalesce(a.nasport::text, CASE WHEN a.nasportid ~ '^[0-9]{1,10}$' THEN a.nasportid END, '') AS nasport,
	CASE
		WHEN a.nasportid ~ '^[0-9]{1,10}$' AND coalesce(a.nasport::text, a.nasportid) = a.nasportid THEN '' -- it is NAS-Port
		-- FreeRADIUS expands it twice, and so escapes it twice.
		ELSE coalesce(CASE
		WHEN strpos(a.nasportid, '=') > 0 OR strpos(a.nasportid, '\') > 0 THEN radius.unescaped(CASE WHEN a.escaped IS FALSE THEN a.nasportid ELSE replace(a.nasportid, '=3D', '=') END, a.escaped)
		ELSE convert_to(a.nasportid, 'UTF8')
	END, '')
	END AS nasportid,
	coalesce(a.nsapi, '') AS nsapi,
	coalesce(a.class, '') AS class,
	g.id AS gateway,
	g.server,
	g.secret,
	coalesce(g.signed, false) AS signed,
	g.attributes,
	coalesce(host(g.source_address), '') AS source_address,
	coalesce(g.max_in_flight, 0) AS max_in_flight,
	coalesce(g.max_per_second, 0) AS max_per_second,
	g.url,
	g.url_secret
FROM open a
JOIN gateway g ON g.nasipaddress = a.nasipaddress
ORDER BY a.n, a.radacctid;
