-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Counts the open sessions of which a gateway is the one to ask: those with an address in its network, and in no smaller network.
-- Given:    @network of the gateway; @mapped: the same network as IPv4-mapped IPv6 (null for IPv6); @limit: the
--           highest number to count to.
-- Returns:  The number of sessions.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE count_gateway_sessions(network, mapped, limit);
PREPARE count_gateway_sessions AS
SELECT count(*)
FROM (
	SELECT
	FROM (
		SELECT nasipaddress
		FROM radius.radacct
		WHERE acctstoptime IS NULL AND nasipaddress IS NOT NULL AND nasipaddress <<= $1 /*network*/::inet
		UNION ALL
		SELECT nasipaddress
		FROM radius.radacct
		WHERE acctstoptime IS NULL AND nasipaddress IS NOT NULL AND nasipaddress <<= $2 /*mapped*/::inet
	) a
	WHERE NOT EXISTS (
		SELECT
		FROM radius.nas
		WHERE network << $1 /*network*/::cidr AND network >>= radius.plain_address(a.nasipaddress)
	)
	LIMIT $3 /*limit*/
) open;
