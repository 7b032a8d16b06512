-- +goose Up

-- What each gateway is sent, and from where; and gateways without RADIUS, which
-- are called by HTTP.
ALTER TABLE radius.nas
    ADD COLUMN preset text NOT NULL DEFAULT 'generic' CHECK (preset IN ('generic', 'cisco-staros', 'cisco-ios', 'juniper-mobilenext',
        'mikrotik', 'accel-ppp', 'hostapd', 'dell-os', 'extreme-exos', 'ruckus', 'fortigate', 'freeradius-proxy', 'open5gs', 'http')),
    ADD COLUMN attributes text[] CHECK (attributes @> ARRAY['Acct-Session-Id'] AND attributes <@ ARRAY['Acct-Session-Id', 'User-Name',
        'Calling-Station-Id', 'NAS-IP-Address', 'NAS-Identifier', 'NAS-Port', 'NAS-Port-Id', 'Framed-IP-Address', 'Service-Type',
        '3GPP-IMSI', '3GPP-NSAPI', 'Class', 'Event-Timestamp', 'Message-Authenticator']),
    ADD COLUMN disconnect_port integer CHECK (disconnect_port BETWEEN 1 AND 65535),
    ADD COLUMN source_address inet,
    ADD COLUMN max_in_flight integer CHECK (max_in_flight BETWEEN 1 AND 10000),
    ADD COLUMN max_per_second integer CHECK (max_per_second BETWEEN 1 AND 100000),
    ADD COLUMN url text CHECK (length(url) BETWEEN 1 AND 1000),
    ADD COLUMN url_secret text,
    ADD COLUMN url_secret_set_at timestamptz,
    ADD CONSTRAINT nas_url_secret CHECK ((url IS NULL) = (url_secret IS NULL));
COMMENT ON COLUMN radius.nas.preset IS 'the kind of gateway whose settings the others were set to when it was chosen';
COMMENT ON COLUMN radius.nas.attributes IS 'the attributes of a Disconnect-Request; null: the default list';
COMMENT ON COLUMN radius.nas.disconnect_port IS 'the port for Disconnect-Requests if server has none; null: 3799';
COMMENT ON COLUMN radius.nas.source_address IS 'the address of the worker''s host that requests are sent from; null: the one that the route has';
COMMENT ON COLUMN radius.nas.max_in_flight IS 'how many requests of a worker process may wait for an answer; null: no limit';
COMMENT ON COLUMN radius.nas.max_per_second IS 'how many requests a worker process may send per second; null: no limit';
COMMENT ON COLUMN radius.nas.url IS 'where a gateway without RADIUS is called by HTTP; null: it gets Disconnect-Requests';
COMMENT ON COLUMN radius.nas.url_secret IS 'the secret that signs these calls: whsec_ and base64';

-- What a Disconnect-Request can need and FreeRADIUS's stock queries do not store.
-- deployments/freeradius fills them in.
ALTER TABLE radius.radacct
    ADD COLUMN nasidentifier text,
    ADD COLUMN nasport bigint, -- NAS-Port; stock queries write it into nasportid if there is no NAS-Port-Id
    ADD COLUMN nsapi text;     -- 3GPP-NSAPI

-- server_address returns the host:port for Disconnect-Requests to a gateway, and
-- null if server is not an address. The port is the one in server, else port, else
-- 3799.
-- +goose StatementBegin
CREATE FUNCTION radius.server_address(server text, gateway inet, port integer) RETURNS text
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
    IF parts IS NULL OR coalesce(parts[2]::integer, port, 3799) NOT BETWEEN 1 AND 65535 THEN
        RETURN NULL;
    END IF;
    IF parts[1] LIKE '[%' THEN
        PERFORM btrim(parts[1], '[]')::inet; -- or an error
    END IF;
    RETURN parts[1] || ':' || coalesce(parts[2]::integer, port, 3799);
EXCEPTION WHEN invalid_text_representation THEN
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION radius.gateway_secret_set() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.secret IS DISTINCT FROM OLD.secret THEN
        NEW.secret_set_at := clock_timestamp();
    ELSE
        NEW.secret_set_at := OLD.secret_set_at;
    END IF;
    IF NEW.url_secret IS NULL THEN
        NEW.url_secret_set_at := NULL;
    ELSIF TG_OP = 'INSERT' OR NEW.url_secret IS DISTINCT FROM OLD.url_secret THEN
        NEW.url_secret_set_at := clock_timestamp();
    ELSE
        NEW.url_secret_set_at := OLD.url_secret_set_at;
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
