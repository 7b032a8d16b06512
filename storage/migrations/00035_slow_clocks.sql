-- +goose Up

-- before_session as before, except that a report of a session that we have closed opens
-- it again, too, if the report is older than an hour: then the gateway's clock is slow,
-- and the report is from now. Otherwise the session would look closed until the
-- gateway's clock reaches the time at which we closed it.
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
END
$$;
-- +goose StatementEnd
