-- +goose Up

-- What accounting costs: the listener (simtransfer radius) stores a batch of reports in
-- one call; the trigger on new sessions finds and locks the SIM of most sessions in one
-- statement; and radacct has neither check constraints nor triggers with long conditions.
-- PostgreSQL reads these from the catalog for each statement, which takes longer than
-- FreeRADIUS's statements take without them.

ALTER TABLE radius.radacct
    DROP CONSTRAINT radacct_acctuniqueid_check, -- now in before_session
    ADD COLUMN judged boolean;
COMMENT ON COLUMN radius.radacct.judged IS 'true: stored by record_reports, so that before_session did not run';

-- reported_at returns the time of a report: its Event-Timestamp, in microseconds since
-- 1970. If it has none (null), or one from the future or from more than a year ago, it
-- is the time at which the report was heard minus Acct-Delay-Time, in seconds. The
-- trigger before_session has the same limits.
CREATE FUNCTION radius.reported_at(event bigint, delay bigint, heard timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN timestamptz 'epoch' + event * interval '1 microsecond' BETWEEN heard - interval '1 year' AND heard
        THEN timestamptz 'epoch' + event * interval '1 microsecond'
        ELSE heard - make_interval(secs => least(delay, 86400))
    END
$$;

-- wrong_clock says whether the Event-Timestamp of a report cannot be true: 1 if it is
-- from the future, with five seconds for the gateway's clock, 2 if it is older than a
-- year, else 0.
CREATE FUNCTION radius.wrong_clock(event bigint, heard timestamptz) RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN timestamptz 'epoch' + event * interval '1 microsecond' > heard + interval '5 seconds' THEN 1
        WHEN timestamptz 'epoch' + event * interval '1 microsecond' < heard - interval '1 year' THEN 2
        ELSE 0
    END
$$;

-- is_current reports whether a session certainly belongs to the owner who has been
-- registered since an instant. If not, outlived decides.
CREATE FUNCTION radius.is_current(since timestamptz, began timestamptz, class text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN class <> '' AND radius.class_since(class) IS NOT NULL THEN radius.class_since(class) = since
        ELSE began > since + interval '5 seconds'
    END
$$;

-- begin_session as before; its condition is now is_current.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION radius.begin_session(sim_id bigint, began timestamptz, class text, session bigint, gateway inet) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    current_status text;
    current_since  timestamptz;
BEGIN
    SELECT status, since INTO current_status, current_since FROM public.sims WHERE id = sim_id FOR NO KEY UPDATE;
    IF NOT radius.is_current(current_since, began, class) AND radius.outlived(sim_id, began, class) THEN
        INSERT INTO public.work (kind, items, n, gateway, queue)
        VALUES ('drop_stray', ARRAY[session], 1, host(gateway), 'gateway');
    ELSIF current_status = 'ready' THEN
        UPDATE public.sims SET status = 'active' WHERE id = sim_id;
    END IF;
END
$$;
-- +goose StatementEnd

-- record_reports stores the reports of a batch for which nothing has to be decided, and
-- returns the keys of their sessions, with wrong_clock of each. Each report is about
-- another session. The caller gives the other reports to statements that decide. Those
-- stored here are
--
--   - starts of sessions that are not known, of a SIM that is known and not ready, and
--     not locked by another transaction, if the session certainly belongs to its owner
--     and is neither the second one of the SIM in the batch nor over the limit of a SIM:
--     what the trigger before_session would store unchanged, so that it does not run for
--     rows that are judged;
--   - updates and ends of open sessions. Counters do not go back. A report from before
--     its session began is left: it is about an earlier session with the same id. A
--     gateway whose clock is more than an hour slow counts as heard now if the session
--     has become longer.
--
-- SIMs are locked before sessions, as in every transaction, and no SIM is waited for.
-- Numbers that were not reported are -1, texts are empty. The plans are made once for
-- each connection, and must not depend on statistics from a time when tables were empty.
-- +goose StatementBegin
CREATE FUNCTION radius.record_reports(
    start_keys text[], start_packets bytea[], start_events bigint[], start_delays bigint[], start_inputs bigint[], start_outputs bigint[],
    start_imsis text[], start_usernames text[], start_callers text[], start_escaped boolean[], start_calleds text[],
    start_ids text[], start_nases text[], start_identifiers text[], start_ports bigint[], start_portids text[], start_porttypes text[],
    start_nsapis text[], start_services text[], start_protocols text[], start_authentics text[], start_connects text[],
    start_ips text[], start_ip6s text[], start_prefixes text[], start_interfaces text[], start_delegated text[], start_classes text[],
    max_sessions bigint,
    keys text[], stops boolean[], events bigint[], delays bigint[], lasted bigint[], inputs bigint[], outputs bigint[],
    imsis text[], causes text[], connects text[],
    ips text[], ip6s text[], prefixes text[], interfaces text[], delegated text[], classes text[]
) RETURNS TABLE (recorded_key text, recorded_clock integer)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    heard  timestamptz := clock_timestamp();
    named  record;
    at     timestamptz;
    nrs    integer[] := '{}'; -- starts to insert, with their SIMs and times
    sims   bigint[] := '{}';
    ats    timestamptz[] := '{}';
BEGIN
    IF cardinality(start_keys) > 0 THEN
        FOR named IN
            WITH named AS MATERIALIZED (
                SELECT
                    nr,
                    coalesce(
                        (SELECT i.sim FROM public.identifiers i WHERE i.identifier = coalesce(nullif(start_imsis[nr], ''), start_usernames[nr])),
                        radius.session_sim(start_imsis[nr], start_usernames[nr], start_callers[nr], start_escaped[nr])) AS sim
                FROM generate_series(1, cardinality(start_keys)) AS nr
            )
            SELECT n.nr, s.id AS sim, s.since
            FROM named n
            JOIN public.sims s ON s.id = n.sim
            WHERE s.status <> 'ready'
            FOR NO KEY UPDATE OF s SKIP LOCKED
        LOOP
            at := radius.reported_at(nullif(start_events[named.nr], -1), start_delays[named.nr], heard);
            IF radius.is_current(named.since, at, start_classes[named.nr])
               AND radius.wrong_clock(nullif(start_events[named.nr], -1), heard) = 0
               AND named.sim <> ALL (sims)
            THEN
                nrs := nrs || named.nr;
                sims := sims || named.sim;
                ats := ats || at;
            END IF;
        END LOOP;
        RETURN QUERY
        INSERT INTO radius.radacct AS a (
            acctsessionid, acctuniqueid, username, nasipaddress, nasportid, nasporttype,
            acctstarttime, acctupdatetime, acctsessiontime, acctauthentic, connectinfo_start,
            acctinputoctets, acctoutputoctets, calledstationid, callingstationid, servicetype, framedprotocol,
            framedipaddress, framedipv6address, framedipv6prefix, framedinterfaceid, delegatedipv6prefix,
            class, imsi, escaped, sim, nasidentifier, nasport, nsapi, start_packet, judged)
        SELECT
            start_ids[n.nr], start_keys[n.nr], start_usernames[n.nr], start_nases[n.nr]::inet, nullif(start_portids[n.nr], ''), start_porttypes[n.nr],
            n.at, n.at, 0, start_authentics[n.nr], start_connects[n.nr],
            greatest(start_inputs[n.nr], 0), greatest(start_outputs[n.nr], 0), start_calleds[n.nr], start_callers[n.nr], start_services[n.nr], start_protocols[n.nr],
            nullif(start_ips[n.nr], '')::inet, nullif(start_ip6s[n.nr], '')::inet, nullif(start_prefixes[n.nr], '')::inet,
            nullif(start_interfaces[n.nr], ''), nullif(start_delegated[n.nr], '')::inet,
            nullif(start_classes[n.nr], ''), nullif(start_imsis[n.nr], ''), start_escaped[n.nr], n.sim, nullif(start_identifiers[n.nr], ''),
            nullif(start_ports[n.nr], -1), nullif(start_nsapis[n.nr], ''), start_packets[n.nr], true
        FROM unnest(nrs, sims, ats) AS n (nr, sim, at)
        WHERE (
            SELECT count(*)
            FROM (
                SELECT
                FROM radius.radacct o
                WHERE o.sim = n.sim AND o.acctstoptime IS NULL
                LIMIT max_sessions
            ) open
        ) < max_sessions
        ON CONFLICT (acctuniqueid) DO NOTHING
        RETURNING a.acctuniqueid, 0;
    END IF;

    IF cardinality(keys) > 0 THEN
        RETURN QUERY
        UPDATE radius.radacct a
        SET
            acctupdatetime = CASE
                WHEN n.at >= heard - interval '1 hour' THEN greatest(a.acctupdatetime, n.at)
                WHEN n.lasted > coalesce(a.acctsessiontime, -1) THEN heard
                ELSE a.acctupdatetime
            END,
            acctinterval = CASE
                WHEN NOT n.stop AND n.at > coalesce(a.acctupdatetime, a.acctstarttime)
                THEN extract(epoch FROM n.at - coalesce(a.acctupdatetime, a.acctstarttime))::bigint
                ELSE a.acctinterval
            END,
            acctsessiontime = CASE
                WHEN n.stop AND n.lasted IS NULL
                THEN greatest(a.acctsessiontime, extract(epoch FROM n.at - a.acctstarttime)::bigint)
                ELSE greatest(a.acctsessiontime, n.lasted)
            END,
            acctinputoctets = greatest(a.acctinputoctets, n.input),
            acctoutputoctets = greatest(a.acctoutputoctets, n.output),
            acctstoptime = CASE WHEN n.stop THEN greatest(n.at, a.acctstarttime) END,
            acctterminatecause = CASE WHEN n.stop THEN n.cause ELSE a.acctterminatecause END,
            connectinfo_stop = CASE WHEN n.stop THEN n.connect ELSE a.connectinfo_stop END,
            framedipaddress = CASE WHEN n.ip <> '' AND (n.at < a.acctupdatetime) IS NOT TRUE THEN n.ip::inet ELSE a.framedipaddress END,
            framedipv6address = CASE WHEN n.ip6 <> '' AND (n.at < a.acctupdatetime) IS NOT TRUE THEN n.ip6::inet ELSE a.framedipv6address END,
            framedipv6prefix = CASE WHEN n.prefix <> '' AND (n.at < a.acctupdatetime) IS NOT TRUE THEN n.prefix::inet ELSE a.framedipv6prefix END,
            framedinterfaceid = CASE WHEN n.interface <> '' AND (n.at < a.acctupdatetime) IS NOT TRUE THEN n.interface ELSE a.framedinterfaceid END,
            delegatedipv6prefix = CASE WHEN n.delegated <> '' AND (n.at < a.acctupdatetime) IS NOT TRUE THEN n.delegated::inet ELSE a.delegatedipv6prefix END,
            class = coalesce(a.class, nullif(n.class, ''))
        FROM (
            SELECT
                key, stops[nr] AS stop, nullif(lasted[nr], -1) AS lasted, nullif(inputs[nr], -1) AS input, nullif(outputs[nr], -1) AS output,
                imsis[nr] AS imsi, causes[nr] AS cause, connects[nr] AS connect, ips[nr] AS ip, ip6s[nr] AS ip6, prefixes[nr] AS prefix,
                interfaces[nr] AS interface, delegated[nr] AS delegated, classes[nr] AS class,
                radius.reported_at(nullif(events[nr], -1), delays[nr], heard) AS at,
                radius.wrong_clock(nullif(events[nr], -1), heard) AS clock
            FROM unnest(keys) WITH ORDINALITY AS k (key, nr)
            OFFSET 0 -- computes the times once for each report
        ) n
        WHERE a.acctuniqueid = n.key
          -- As one condition, of which the planner expects nothing: a plan from when the table
          -- was empty would otherwise read all open sessions for each batch.
          AND CASE
              WHEN a.acctstoptime IS NULL
              THEN (n.at < a.acctstarttime - interval '5 seconds') IS NOT TRUE AND (n.imsi = '' OR a.imsi = n.imsi) IS NOT FALSE
              ELSE false
          END
        RETURNING n.key, n.clock;
    END IF;
END
$$;
-- +goose StatementEnd

-- before_session as before, except that one statement does for most starts what several
-- did, and that it refuses what the check constraint did.
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
            IF FOUND THEN
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
            IF NEW.sim IS NULL AND coalesce(NEW.imsi, '') = '' THEN
                -- What session_sim does first, without the cost of calling it.
                SELECT sim INTO NEW.sim FROM public.identifiers WHERE identifier = NEW.username;
            END IF;
            IF NEW.sim IS NULL THEN
                NEW.sim := radius.session_sim(NEW.imsi, NEW.username, NEW.callingstationid, NEW.escaped);
            END IF;
            IF NEW.sim IS NOT NULL AND NEW.acctstoptime IS NULL THEN
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

DROP TRIGGER session_start ON radius.radacct;
CREATE TRIGGER session_start BEFORE INSERT ON radius.radacct
    FOR EACH ROW
    WHEN (NEW.judged IS NULL)
    EXECUTE FUNCTION radius.before_session();

-- news_of_session has the same rules as before; it finds out itself whether there is
-- something to correct.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION radius.news_of_session() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    heard timestamptz := clock_timestamp();
BEGIN
    IF NEW.acctstarttime IS DISTINCT FROM OLD.acctstarttime AND NEW.acctstarttime NOT BETWEEN heard - interval '1 year' AND heard THEN
        NEW.acctstarttime := coalesce(OLD.acctstarttime, heard);
    END IF;
    IF NEW.acctstoptime > heard THEN
        NEW.acctstoptime := heard;
    END IF;
    IF NEW.acctupdatetime IS DISTINCT FROM OLD.acctupdatetime AND NEW.acctupdatetime NOT BETWEEN heard - interval '1 hour' AND heard THEN
        NEW.acctupdatetime := heard;
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
DROP TRIGGER session_news ON radius.radacct;
CREATE TRIGGER session_news BEFORE UPDATE ON radius.radacct
    FOR EACH ROW EXECUTE FUNCTION radius.news_of_session();
