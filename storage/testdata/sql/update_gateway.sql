-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Changes a gateway.
-- Given:    @id; @description, @server (null: its own address), @signed and @secret (null: no change).
-- Returns:  The gateway.
-- Locks:    The caller holds the gateway.
--
-- EXPLAIN EXECUTE update_gateway(description, server, signed, secret, id);
PREPARE update_gateway AS
UPDATE radius.nas
SET description = $1 /*description*/, server = $2 /*server*/, require_message_authenticator = $3 /*signed*/, secret = coalesce($4 /*secret*/, secret)
WHERE id = $5 /*id*/
RETURNING
	id,
	CASE WHEN masklen(network) = CASE family(network) WHEN 4 THEN 32 ELSE 128 END THEN host(network) ELSE network::text END AS name,
	coalesce(description, '') AS description,
	nullif(btrim(server), '') AS server,
	CASE
		WHEN masklen(network) = CASE family(network) WHEN 4 THEN 32 ELSE 128 END OR btrim(server) <> ''
		THEN radius.server_address(server, network)
	END AS address,
	require_message_authenticator AS signed,
	secret_set_at;
