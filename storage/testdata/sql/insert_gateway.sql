-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates a gateway.
-- Given:    @name, @description, @server (null: its own address), @signed and @secret.
-- Returns:  The gateway; none if there is one with this network.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE insert_gateway(name, description, server, signed, secret);
PREPARE insert_gateway AS
INSERT INTO radius.nas (nasname, description, server, require_message_authenticator, secret)
VALUES ($1 /*name*/, $2 /*description*/, $3 /*server*/, $4 /*signed*/, $5 /*secret*/)
ON CONFLICT DO NOTHING
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
