-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Takes a probe that no worker has taken.
-- Given:    @seconds: how old it may be.
-- Returns:  The probe, with the gateway as it is now; none if there is nothing to do.
-- Locks:    Takes the probe; skips one that another worker takes.
--
-- EXPLAIN EXECUTE take_probe(seconds);
PREPARE take_probe AS
UPDATE gateway_probes p
SET taken_at = clock_timestamp()
FROM radius.nas g
WHERE g.id = p.gateway
  AND p.id = (
	SELECT id
	FROM gateway_probes
	WHERE taken_at IS NULL AND asked_at > clock_timestamp() - make_interval(secs => $1 /*seconds*/)
	ORDER BY asked_at
	LIMIT 1
	FOR UPDATE SKIP LOCKED
  )
RETURNING
	p.id,
	CASE WHEN g.network >>= p.address THEN host(p.address) ELSE '' END AS nas,
	g.id AS gateway,
	CASE WHEN g.url IS NULL THEN radius.server_address(g.server, p.address, g.disconnect_port) END AS server,
	g.secret,
	g.require_message_authenticator AS signed,
	g.attributes,
	coalesce(host(g.source_address), '') AS source_address,
	g.url,
	g.url_secret;
