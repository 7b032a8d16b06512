-- +goose Up

-- A gateway has an address that packets can come from and be sent to. Rows that
-- exist keep what they have until it is changed.

-- is_host reports whether a network has addresses that a host can have: it is not
-- part of 0.0.0.0/8, multicast, broadcast or the unspecified address of IPv6.
CREATE FUNCTION radius.is_host(network inet) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT NOT (
        network <<= '0.0.0.0/8' OR network <<= '224.0.0.0/4' OR network <<= '255.255.255.255'
        OR network <<= '::' OR network <<= 'ff00::/8'
    )
$$;

-- is_server reports whether the host of a server is an address that a host can have,
-- or a name. A name that ends in a number, such as 10.0.1 or 10.0.0.256, is a
-- mistyped address.
CREATE FUNCTION radius.is_server(server text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN host ~ ':' THEN radius.is_host(radius.plain_address(host::inet))
        WHEN host ~ '^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\.(?!$)|$)){4}$' THEN radius.is_host(host::inet)
        ELSE host !~* '(^|\.)([0-9]+|0x[0-9a-f]*)\.?$'
    END
    FROM (SELECT btrim(regexp_replace(radius.server_address(server, NULL), ':[0-9]+$', ''), '[]') AS host) a
$$;

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION radius.check_gateway() RETURNS trigger
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
    IF NOT radius.is_host(NEW.network) AND (TG_OP = 'INSERT' OR NEW.nasname IS DISTINCT FROM OLD.nasname) THEN
        RAISE EXCEPTION 'gateway "%": no gateway can have this address', NEW.nasname
            USING ERRCODE = 'check_violation', TABLE = 'nas', COLUMN = 'nasname',
                HINT = 'Give the address that the gateway sends as NAS-IP-Address. For gateways with any address, give the network 0.0.0.0/0 or ::/0.';
    END IF;
    IF btrim(NEW.secret) = '' THEN
        RAISE EXCEPTION 'gateway "%": the secret is empty', NEW.nasname
            USING ERRCODE = 'check_violation', TABLE = 'nas', COLUMN = 'secret', HINT = 'Set the secret that the gateway shares with its RADIUS server.';
    END IF;
    IF radius.server_address(NEW.server, NEW.network) IS NULL
       OR btrim(NEW.server) <> '' AND NOT radius.is_server(NEW.server) AND (TG_OP = 'INSERT' OR NEW.server IS DISTINCT FROM OLD.server)
    THEN
        RAISE EXCEPTION 'gateway "%": "%" is not an address for Disconnect-Requests', NEW.nasname, NEW.server
            USING ERRCODE = 'check_violation', TABLE = 'nas', COLUMN = 'server', HINT = 'Set server to host or host:port, such as 10.0.0.1:3799 or [2001:db8::1]:3799, or to null for the address of the gateway.';
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
