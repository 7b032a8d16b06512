-- +goose Up

-- Gateways. People and FreeRADIUS's own tools write radius.nas, so the database
-- checks what simtransfer needs of a row: a row that cannot be used is an error
-- when it is written, not when a session has to be dropped.
ALTER TABLE radius.nas
    ADD COLUMN network cidr, -- nasname as a network; set by the trigger
    ADD COLUMN require_message_authenticator boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN radius.nas.nasname IS 'the address or network of gateways, as in radacct.nasipaddress; the longest prefix counts';
COMMENT ON COLUMN radius.nas.server IS 'host or host:port for Disconnect-Requests; null: the address of the gateway. The default port is 3799';
COMMENT ON COLUMN radius.nas.require_message_authenticator IS 'whether answers without Message-Authenticator are ignored';

-- plain_address returns an IPv4 address for an IPv4-mapped one, such as
-- ::ffff:10.0.0.1, and other addresses and networks as they are.
-- +goose StatementBegin
CREATE FUNCTION radius.plain_address(address inet) RETURNS inet
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN address <<= '::ffff:0:0/96'
        THEN set_masklen('0.0.0.0'::inet + (address - '::ffff:0.0.0.0'::inet), masklen(address) - 96)
        ELSE address
    END
$$;
-- +goose StatementEnd

-- server_address returns the host:port for Disconnect-Requests to a gateway, and
-- null if server is not an address.
-- +goose StatementBegin
CREATE FUNCTION radius.server_address(server text, gateway inet) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    text_of text := btrim(coalesce(server, ''));
    parts   text[];
BEGIN
    IF text_of = '' THEN
        text_of := host(radius.plain_address(gateway));
    END IF;
    IF text_of ~ '^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$' THEN -- IPv6 without brackets
        text_of := '[' || text_of || ']';
    END IF;
    parts := regexp_match(text_of, '^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)(?::([0-9]{1,5}))?$');
    IF parts IS NULL OR coalesce(parts[2], '3799')::integer NOT BETWEEN 1 AND 65535 THEN
        RETURN NULL;
    END IF;
    IF parts[1] LIKE '[%' THEN
        PERFORM btrim(parts[1], '[]')::inet; -- or an error
    END IF;
    RETURN parts[1] || ':' || coalesce(parts[2], '3799');
EXCEPTION WHEN invalid_text_representation THEN
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION radius.check_gateway() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.nasname := btrim(NEW.nasname);
    BEGIN
        NEW.network := network(radius.plain_address(NEW.nasname::inet));
    EXCEPTION WHEN invalid_text_representation THEN
        RAISE EXCEPTION 'gateway "%": nasname is not an IP address or network', NEW.nasname
            USING ERRCODE = 'check_violation', TABLE = 'nas', COLUMN = 'nasname',
                HINT = 'Give the address that the gateway sends as NAS-IP-Address, or a network such as 10.64.0.0/10. Host names are not resolved here; the column server can have one.';
    END;
    IF btrim(NEW.secret) = '' THEN
        RAISE EXCEPTION 'gateway "%": the secret is empty', NEW.nasname
            USING ERRCODE = 'check_violation', TABLE = 'nas', COLUMN = 'secret', HINT = 'Set the secret that the gateway shares with its RADIUS server.';
    END IF;
    IF radius.server_address(NEW.server, NEW.network) IS NULL THEN
        RAISE EXCEPTION 'gateway "%": "%" is not an address for Disconnect-Requests', NEW.nasname, NEW.server
            USING ERRCODE = 'check_violation', TABLE = 'nas', COLUMN = 'server', HINT = 'Set server to host or host:port, such as 10.0.0.1:3799 or [2001:db8::1]:3799, or to null for the address of the gateway.';
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER check_gateway BEFORE INSERT OR UPDATE ON radius.nas
    FOR EACH ROW EXECUTE FUNCTION radius.check_gateway();
UPDATE radius.nas SET nasname = nasname;
ALTER TABLE radius.nas
    ALTER COLUMN network SET NOT NULL,
    ADD CONSTRAINT nas_network_key UNIQUE (network);
CREATE INDEX nas_network ON radius.nas USING gist (network inet_ops);
