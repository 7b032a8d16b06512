-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates a gateway.
-- Given:    @name, @description, @server (null: its own address), @signed, @preset, @attributes (null: the default list),
--           @port, @source, @max_in_flight and @max_per_second (null: none), @url (null: it
--           gets Disconnect-Requests), @secret, whether it is a random one because none
--           was set (@secret_unset), and @url_secret (null: none).
-- Returns:  The gateway; none if there is one with this network.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE insert_gateway(name, description, server, signed, preset, attributes, port, source, max_in_flight, max_per_second, url, secret, secret_unset, url_secret);
PREPARE insert_gateway AS
INSERT INTO radius.nas (nasname, description, server, require_message_authenticator, preset, attributes, disconnect_port, source_address,
	max_in_flight, max_per_second, url, secret, secret_unset, url_secret)
VALUES ($1 /*name*/, $2 /*description*/, $3 /*server*/, $4 /*signed*/, $5 /*preset*/, $6 /*attributes*/, $7 /*port*/, $8 /*source*/, $9 /*max_in_flight*/, $10 /*max_per_second*/, $11 /*url*/, $12 /*secret*/, $13 /*secret_unset*/, $14 /*url_secret*/)
ON CONFLICT DO NOTHING
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
