-- +goose Up

-- What FreeRADIUS asks for each Access-Request, besides access_class. The functions
-- run with the rights of the schema's owner; their caller needs no right on a SIM.
-- For enable_seqscan see before_session.

-- access_moving reports whether a worker is ending the data sessions of a SIM now, to
-- transfer it. A session that began in the meantime would have to be ended, too. The
-- lease of the work is the mark: it is renewed every few seconds, so that no SIM stays
-- locked out if the workers stand still.
-- +goose StatementBegin
CREATE FUNCTION radius.access_moving(imsi text, username text, callingstationid text, escaped boolean) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    transfer record;
BEGIN
    SELECT request, n INTO transfer
    FROM public.open_transfers
    WHERE sim = radius.session_sim(imsi, username, callingstationid, escaped);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    RETURN coalesce((
        SELECT true
        FROM public.work
        WHERE request = transfer.request
          AND kind = 'drop_sessions'
          AND lease_until > clock_timestamp()
          AND transfer.n = ANY (items)
        LIMIT 1), false);
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION radius.access_moving FROM PUBLIC;

-- access_groups stands for the table radusergroup in FreeRADIUS's queries: the groups
-- that the table has for a user name, and then the operator id of the account that owns
-- the SIM.
-- +goose StatementBegin
CREATE FUNCTION radius.access_groups(user_name text, imsi text, callingstationid text, escaped boolean)
RETURNS TABLE (username text, groupname text, priority integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY
    SELECT u.username, u.groupname, u.priority
    FROM radius.radusergroup u
    WHERE u.username = user_name;
    RETURN QUERY
    SELECT user_name, a.operator_id::text, 2147483647
    FROM public.sims s
    JOIN public.accounts a ON a.id = s.account
    WHERE s.id = radius.session_sim(imsi, user_name, callingstationid, escaped);
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION radius.access_groups FROM PUBLIC;
