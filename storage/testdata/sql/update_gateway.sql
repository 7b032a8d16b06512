-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Changes a gateway.
-- Given:    @id, @description, @server (null: its own address), @signed, @preset, @attributes (null: the default list),
--           @port, @source, @max_in_flight and @max_per_second (null: none), @url (null: it
--           gets Disconnect-Requests, and url_secret is removed), and @secret and @url_secret (null: no change).
-- Returns:  The gateway.
-- Locks:    The caller holds the gateway.
--
-- EXPLAIN EXECUTE update_gateway(description, server, signed, preset, attributes, port, source, max_in_flight, max_per_second, url, secret, url_secret, id);
PREPARE update_gateway AS
UPDATE radius.nas
SET description = $1 /*description*/,
	server = $2 /*server*/,
	require_message_authenticator = $3 /*signed*/,
	preset = $4 /*preset*/,
	attributes = $5 /*attributes*/,
	disconnect_port = $6 /*port*/,
	source_address = $7 /*source*/,
	max_in_flight = $8 /*max_in_flight*/,
	max_per_second = $9 /*max_per_second*/,
	url = $10 /*url*/,
	secret = coalesce($11 /*secret*/, secret),
	url_secret = CASE WHEN $10 /*url*/::text IS NOT NULL THEN coalesce($12 /*url_secret*/, url_secret) END
WHERE id = $13 /*id*/
RETURNING
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
	url_secret_set_at;
