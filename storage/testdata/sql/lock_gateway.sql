-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks a gateway.
-- Given:    @network of the gateway.
-- Returns:  The gateway; none if there is none with exactly this network.
-- Locks:    Takes the gateway.
--
-- EXPLAIN EXECUTE lock_gateway(network);
PREPARE lock_gateway AS
SELECT
	id,
	CASE WHEN masklen(network) = CASE family(network) WHEN 4 THEN 32 ELSE 128 END THEN host(network) ELSE network::text END AS name,
	coalesce(description, '') AS description,
	nullif(btrim(server), '') AS server,
	CASE
		WHEN masklen(network) = CASE family(network) WHEN 4 THEN 32 ELSE 128 END OR btrim(server) <> ''
		THEN CASE WHEN url IS NULL THEN radius.server_address(server, network, disconnect_port) END
	END AS address,
	require_message_authenticator AS signed,
	secret_set_at,
	secret_unset,
	preset,
	attributes,
	disconnect_port AS port,
	host(source_address) AS source_address,
	max_in_flight,
	max_per_second,
	url,
	url_secret_set_at
FROM radius.nas
WHERE network = $1 /*network*/::cidr
FOR UPDATE;
