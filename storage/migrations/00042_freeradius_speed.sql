-- +goose Up

-- FreeRADIUS's own statements are long, and PostgreSQL parses and plans them for each
-- record: that takes longer than to execute them. deployments/freeradius calls the three
-- functions below first, whose statements are planned once for each connection. They
-- store what needs no decision, as FreeRADIUS's statements and the triggers would, and
-- return true. If one returns false, or fails, FreeRADIUS's own statements follow.
--
-- They have distinct parameters for all that these statements take from a record. A
-- value that the gateway has not sent is empty, or null if it is a number. Times are in
-- seconds since 1970.

COMMENT ON COLUMN radius.radacct.judged IS 'true: stored by record_reports or start_session, so that before_session did not run';

-- start_session stores the start of a session that is not known, of a SIM that is known
-- and not ready, and not locked by another transaction, if the session certainly belongs
-- to its owner. before_session decides about all others.
--
-- The last statement looks the identifier up again: another transaction may have given it
-- to another SIM just before the lock was taken. Those that do hold the locks of both SIMs.
--
-- The function runs with the rights of the schema's owner, as before_session does.
-- +goose StatementBegin
CREATE FUNCTION radius.start_session(
    key text, session_id text, user_name text, imsi_sent text, caller text, is_escaped boolean, event bigint,
    in_realm text, gateway text, port_id text, port_type text, authenticated text, connected text, called text,
    service text, protocol text, ip text, ip6 text, prefix text, interface text, delegated text,
    class_sent text, gateway_identifier text, port bigint, bearer text
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    heard timestamptz := clock_timestamp();
    at    timestamptz := to_timestamp(event);
    named text := coalesce(nullif(imsi_sent, ''), user_name);
    owned record;
BEGIN
    -- FreeRADIUS's own statements write these characters of a User-Name in another way:
    -- see unescaped_username.
    IF translate(user_name, '=\"', '') <> user_name OR key = '' OR at NOT BETWEEN heard - interval '1 year' AND heard THEN
        RETURN false;
    END IF;
    SELECT s.id, s.status, s.since
    INTO owned
    FROM public.identifiers i
    JOIN public.sims s ON s.id = i.sim
    WHERE i.identifier = named
      AND NOT EXISTS (SELECT FROM radius.radacct WHERE acctuniqueid = key)
    FOR NO KEY UPDATE OF s SKIP LOCKED;
    IF NOT FOUND OR owned.status = 'ready' OR NOT radius.is_current(owned.since, at, class_sent) THEN
        RETURN false;
    END IF;
    INSERT INTO radius.radacct (
        acctsessionid, acctuniqueid, username, realm, nasipaddress, nasportid, nasporttype,
        acctstarttime, acctupdatetime, acctsessiontime, acctauthentic, connectinfo_start,
        acctinputoctets, acctoutputoctets, calledstationid, callingstationid, servicetype, framedprotocol,
        framedipaddress, framedipv6address, framedipv6prefix, framedinterfaceid, delegatedipv6prefix,
        class, imsi, escaped, sim, nasidentifier, nasport, nsapi, judged)
    SELECT
        session_id, key, user_name, nullif(in_realm, ''), gateway::inet, nullif(port_id, ''), port_type,
        at, at, 0, authenticated, connected,
        0, 0, called, caller, service, protocol,
        nullif(ip, '')::inet, nullif(ip6, '')::inet, nullif(prefix, '')::inet, nullif(interface, ''), nullif(delegated, '')::inet,
        nullif(class_sent, ''), nullif(imsi_sent, ''), is_escaped, owned.id, nullif(gateway_identifier, ''), port, nullif(bearer, ''), true
    WHERE EXISTS (SELECT FROM public.identifiers i WHERE i.identifier = named AND i.sim = owned.id)
    ON CONFLICT (acctuniqueid) DO NOTHING;
    RETURN FOUND;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION radius.start_session FROM PUBLIC;

-- update_session stores an update of an open session, as the first statement of
-- FreeRADIUS for it does. It runs with the rights of its caller. The CASE keeps the
-- planner from the indexes on open sessions: a plan from when the table was empty would
-- read all of them for each record.
-- +goose StatementBegin
CREATE FUNCTION radius.update_session(
    key text, event bigint, lasted bigint,
    input_gigawords bigint, input_octets bigint, output_gigawords bigint, output_octets bigint,
    ip text, ip6 text, prefix text, interface text, delegated text
) RETURNS boolean
LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    UPDATE radius.radacct
    SET
        framedipaddress = nullif(ip, '')::inet,
        framedipv6address = nullif(ip6, '')::inet,
        framedipv6prefix = nullif(prefix, '')::inet,
        framedinterfaceid = nullif(interface, ''),
        delegatedipv6prefix = nullif(delegated, '')::inet,
        acctsessiontime = lasted,
        acctinterval = event - extract(epoch FROM coalesce(acctupdatetime, acctstarttime)),
        acctupdatetime = to_timestamp(event),
        acctinputoctets = (input_gigawords << 32) + input_octets,
        acctoutputoctets = (output_gigawords << 32) + output_octets
    WHERE acctuniqueid = key AND CASE WHEN acctstoptime IS NULL THEN true ELSE false END;
    RETURN FOUND;
END
$$;
-- +goose StatementEnd

-- stop_session stores the end of an open session, as the first statement of FreeRADIUS
-- for it does. It runs with the rights of its caller.
-- +goose StatementBegin
CREATE FUNCTION radius.stop_session(
    key text, event bigint, lasted bigint,
    input_gigawords bigint, input_octets bigint, output_gigawords bigint, output_octets bigint,
    cause text, connected text, ip text, ip6 text, prefix text, interface text, delegated text
) RETURNS boolean
LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    UPDATE radius.radacct
    SET
        acctstoptime = to_timestamp(event),
        acctupdatetime = to_timestamp(event),
        acctsessiontime = coalesce(lasted, event - extract(epoch FROM acctstarttime)),
        acctinputoctets = (input_gigawords << 32) + input_octets,
        acctoutputoctets = (output_gigawords << 32) + output_octets,
        acctterminatecause = cause,
        framedipaddress = nullif(ip, '')::inet,
        framedipv6address = nullif(ip6, '')::inet,
        framedipv6prefix = nullif(prefix, '')::inet,
        framedinterfaceid = nullif(interface, ''),
        delegatedipv6prefix = nullif(delegated, '')::inet,
        connectinfo_stop = connected
    WHERE acctuniqueid = key AND CASE WHEN acctstoptime IS NULL THEN true ELSE false END;
    RETURN FOUND;
END
$$;
-- +goose StatementEnd

-- news_of_session as before, but without its own search_path: it has the rights of its
-- caller and reads no table, and setting a search_path takes longer than all else in it.
ALTER FUNCTION radius.news_of_session() RESET search_path;

-- lock_session_sim is session_sim, and takes the row lock of the SIM. The transaction that
-- it waits for may have given the identifier to another SIM, or retired the SIM, so that it
-- looks the SIM up again until the answer is the same.
-- +goose StatementBegin
CREATE FUNCTION radius.lock_session_sim(imsi text, username text, callingstationid text, escaped boolean) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    named  bigint := radius.session_sim(imsi, username, callingstationid, escaped);
    locked bigint;
BEGIN
    WHILE named IS DISTINCT FROM locked LOOP
        PERFORM FROM public.sims WHERE id = named FOR NO KEY UPDATE;
        locked := named;
        named := radius.session_sim(imsi, username, callingstationid, escaped);
    END LOOP;
    RETURN named;
END
$$;
-- +goose StatementEnd

-- before_session as before, except that it looks the identifier up again after it has
-- taken the lock of the SIM.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION radius.before_session() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    heard     timestamptz := clock_timestamp();
    reported  timestamptz := coalesce(NEW.acctstoptime, NEW.acctupdatetime, NEW.acctstarttime);
    shift     interval;
    known     record;
    presumed  boolean; -- whether we, and not its gateway, have ended the known session
    new_start boolean; -- whether the gateway has used the session's id again
    usual     record;
BEGIN
    IF NEW.acctuniqueid = '' THEN
        RAISE EXCEPTION 'acctuniqueid is empty: the section preacct of FreeRADIUS lacks acct_unique' USING ERRCODE = 'check_violation';
    END IF;
    BEGIN
        IF reported > heard OR NEW.acctstoptime IS NULL AND reported < heard - interval '1 year' THEN
            shift := make_interval(secs => (extract(epoch FROM heard) - extract(epoch FROM reported))::float8);
            reported := heard;
            NEW.acctstarttime := NEW.acctstarttime + shift;
            NEW.acctupdatetime := NEW.acctupdatetime + shift;
            NEW.acctstoptime := NEW.acctstoptime + shift;
        END IF;
        -- If an update is the first news, acctstarttime is the time of the update.
        IF NEW.acctsessiontime BETWEEN 1 AND 315576000 THEN
            NEW.acctstarttime := least(NEW.acctstarttime, reported - make_interval(secs => NEW.acctsessiontime));
        END IF;

        IF NEW.acctstoptime IS NOT NULL THEN
            NEW.connectinfo_stop := coalesce(NEW.connectinfo_stop, ''); -- FreeRADIUS leaves it null if the stop is the first news
        END IF;

        IF NEW.acctstoptime IS NULL AND NEW.sim IS NULL THEN
            -- As most starts are: the session is not known, the first value of session_sim is
            -- an identifier of a SIM, and nothing follows from the start.
            SELECT s.id, s.status, s.since
            INTO usual
            FROM public.identifiers i
            JOIN public.sims s ON s.id = i.sim
            WHERE i.identifier = coalesce(nullif(NEW.imsi, ''), NEW.username)
              AND NOT EXISTS (SELECT FROM radius.radacct WHERE acctuniqueid = NEW.acctuniqueid)
            FOR NO KEY UPDATE OF s;
            IF FOUND AND EXISTS (
                SELECT FROM public.identifiers WHERE identifier = coalesce(nullif(NEW.imsi, ''), NEW.username) AND sim = usual.id)
            THEN
                NEW.sim := usual.id;
                IF usual.status <> 'ready' AND radius.is_current(usual.since, NEW.acctstarttime, NEW.class) THEN
                    RETURN NEW;
                END IF;
            END IF;
        END IF;

        SELECT radacctid, sim, acctstarttime, acctstoptime, acctterminatecause, connectinfo_stop, closed_at, class
        INTO known
        FROM radius.radacct
        WHERE acctuniqueid = NEW.acctuniqueid;
        IF NOT FOUND THEN
            IF NEW.acctstoptime IS NOT NULL THEN
                IF NEW.sim IS NULL THEN
                    NEW.sim := radius.session_sim(NEW.imsi, NEW.username, NEW.callingstationid, NEW.escaped);
                END IF;
                RETURN NEW;
            END IF;
            IF NEW.sim IS NULL THEN
                NEW.sim := radius.lock_session_sim(NEW.imsi, NEW.username, NEW.callingstationid, NEW.escaped);
            END IF;
            IF NEW.sim IS NOT NULL THEN
                PERFORM radius.begin_session(NEW.sim, NEW.acctstarttime, NEW.class, NEW.radacctid, NEW.nasipaddress);
            END IF;
            RETURN NEW;
        END IF;

        -- FreeRADIUS's statement handles rows that it knows, unless this returns null.
        IF known.acctstoptime IS NULL THEN
            -- A start after an update without Acct-Session-Time: now it is known when the session began.
            IF NEW.acctstarttime < known.acctstarttime
               AND radius.outlived(known.sim, NEW.acctstarttime, coalesce(known.class, NEW.class))
               AND NOT radius.outlived(known.sim, known.acctstarttime, known.class)
            THEN
                PERFORM radius.begin_session(known.sim, NEW.acctstarttime, coalesce(known.class, NEW.class), known.radacctid, NEW.nasipaddress);
            END IF;
            RETURN NEW;
        END IF;
        -- Only a stop of the session sets connectinfo_stop. Accounting-On and
        -- Accounting-Off do not, and can come with any cause.
        presumed := known.acctstoptime IS NOT DISTINCT FROM known.closed_at
            OR known.connectinfo_stop IS NULL
            OR known.acctterminatecause = 'NAS-Reboot';
        IF NEW.acctstoptime IS NOT NULL THEN
            IF NOT presumed THEN
                RETURN NEW;
            END IF;
            UPDATE radius.radacct
            SET acctstoptime = NEW.acctstoptime,
                acctupdatetime = NEW.acctstoptime,
                acctsessiontime = NEW.acctsessiontime,
                acctinputoctets = NEW.acctinputoctets,
                acctoutputoctets = NEW.acctoutputoctets,
                acctterminatecause = NEW.acctterminatecause,
                connectinfo_stop = NEW.connectinfo_stop
            WHERE radacctid = known.radacctid AND acctstoptime = known.acctstoptime;
            RETURN NULL;
        END IF;
        new_start := NEW.acctstarttime > known.acctstoptime;
        IF NOT (presumed OR new_start)
           OR reported <= known.acctstoptime + interval '5 seconds' AND reported > heard - interval '1 hour'
        THEN
            RETURN NEW; -- late news
        END IF;
        PERFORM FROM public.sims WHERE id = known.sim FOR NO KEY UPDATE; -- before the session, as every transaction does
        UPDATE radius.radacct
        SET acctstoptime = NULL,
            acctterminatecause = NULL,
            connectinfo_stop = NULL,
            acctstarttime = CASE WHEN new_start THEN NEW.acctstarttime ELSE known.acctstarttime END,
            acctupdatetime = NEW.acctupdatetime,
            acctsessiontime = NEW.acctsessiontime,
            acctinputoctets = NEW.acctinputoctets,
            acctoutputoctets = NEW.acctoutputoctets,
            class = coalesce(NEW.class, CASE WHEN NOT new_start THEN known.class END),
            closed_at = NULL,
            reopened_at = clock_timestamp()
        WHERE radacctid = known.radacctid AND acctstoptime = known.acctstoptime;
        IF FOUND AND known.sim IS NOT NULL THEN
            PERFORM radius.begin_session(known.sim, CASE WHEN new_start THEN NEW.acctstarttime ELSE known.acctstarttime END,
                coalesce(NEW.class, CASE WHEN NOT new_start THEN known.class END), known.radacctid, NEW.nasipaddress);
        END IF;
        RETURN NULL;
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'session % at gateway %: %', NEW.acctuniqueid, NEW.nasipaddress, SQLERRM;
        NEW.sim := NULL;
        NEW.start_error := SQLERRM;
        RETURN NEW;
    END;
END
$$;
-- +goose StatementEnd
