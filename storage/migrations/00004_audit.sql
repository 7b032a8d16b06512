-- +goose Up

-- The audit trail: one row per act outside of transfer requests, inserted in the
-- transaction of the act. actor_name and key_hint are what the actor was called
-- at that time. account is the account that the act concerns. before and after
-- have the fields that changed.
CREATE TABLE audit (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    action     text NOT NULL CHECK (action IN ('account.create', 'account.update', 'account.close', 'account.reopen',
                   'account.read', 'account.list', 'key.create', 'key.rotate', 'key.revoke', 'session.sign_in',
                   'session.sign_in_denied', 'session.sign_out', 'sim.import', 'sim.update', 'sim.status', 'sim.correct',
                   'sim.lock', 'sim.unlock', 'sim.history', 'plan.put', 'fee.create', 'fee.delete', 'queue.act',
                   'work.retry', 'data_session.close', 'privacy.export', 'privacy.erase', 'transfer.purge')),
    actor      text NOT NULL CHECK (actor IN ('key', 'command', 'system', 'unknown')),
    api_key    bigint,
    key_role   text,
    key_hint   text,
    actor_name text, -- the name of the key, or the user who ran the command
    address    text, -- IP address of the caller
    account    bigint,
    sim        bigint,
    object     text NOT NULL CHECK (object <> ''), -- what the act was done to, such as key
    object_id  text NOT NULL DEFAULT '',
    before     jsonb,
    after      jsonb,
    why        text,
    CHECK ((actor = 'key') = (api_key IS NOT NULL))
);
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_account ON audit (account, at, id) WHERE account IS NOT NULL;
CREATE INDEX audit_key ON audit (api_key, at, id) WHERE api_key IS NOT NULL;
CREATE INDEX audit_sim ON audit (sim, at, id) WHERE sim IS NOT NULL;

-- Reports whether a value is what is left of another one when some of its fields
-- were erased.
-- +goose StatementBegin
CREATE FUNCTION audit_is_erasure(was jsonb, is_now jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT was IS NOT DISTINCT FROM is_now
        OR jsonb_typeof(was) = 'object' AND jsonb_typeof(is_now) = 'object' AND NOT EXISTS (
            SELECT 1
            FROM jsonb_each(was) o
            FULL JOIN jsonb_each(is_now) n USING (key)
            WHERE o.value IS DISTINCT FROM n.value
              AND (o.value IS NULL OR n.value IS DISTINCT FROM '"[erased]"')
        )
$$;
-- +goose StatementEnd

-- The trail is append-only. Two changes are possible: rows older than 90 days can
-- be deleted, when their retention ends, and personal data can be erased, but not
-- replaced: an address becomes null, other values become [erased].
-- +goose StatementBegin
CREATE FUNCTION audit_guard() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.at < clock_timestamp() - interval '90 days' THEN
            RETURN OLD;
        END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        IF (NEW.id, NEW.at, NEW.action, NEW.actor, NEW.api_key, NEW.key_role, NEW.key_hint, NEW.account, NEW.sim, NEW.object, NEW.object_id)
                IS NOT DISTINCT FROM
                (OLD.id, OLD.at, OLD.action, OLD.actor, OLD.api_key, OLD.key_role, OLD.key_hint, OLD.account, OLD.sim, OLD.object, OLD.object_id)
            AND (NEW.address IS NULL OR NEW.address = OLD.address)
            AND (NEW.actor_name IS NOT DISTINCT FROM OLD.actor_name OR OLD.actor_name IS NOT NULL AND NEW.actor_name = '[erased]')
            AND (NEW.why IS NOT DISTINCT FROM OLD.why OR OLD.why IS NOT NULL AND NEW.why = '[erased]')
            AND audit_is_erasure(OLD.before, NEW.before)
            AND audit_is_erasure(OLD.after, NEW.after)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit trail is append-only: % is refused', TG_OP
        USING ERRCODE = 'restrict_violation',
              HINT = 'Entries older than 90 days can be deleted; personal data can be erased.';
END
$$;
-- +goose StatementEnd

CREATE TRIGGER audit_guard BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_guard();
CREATE TRIGGER audit_guard_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_guard();

-- How far the addresses of callers have been erased from a table: up to and
-- including the row with this id.
CREATE TABLE erased_addresses (
    table_name text PRIMARY KEY,
    upto       bigint NOT NULL
);
INSERT INTO erased_addresses VALUES ('events', 0), ('audit', 0);
