-- +goose Up

-- Gateways are also written by the API, which never shows a secret, but tells
-- when it was set. Null: before this migration.
ALTER TABLE radius.nas ADD COLUMN secret_set_at timestamptz;

-- +goose StatementBegin
CREATE FUNCTION radius.gateway_secret_set() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.secret IS DISTINCT FROM OLD.secret THEN
        NEW.secret_set_at := clock_timestamp();
    ELSE
        NEW.secret_set_at := OLD.secret_set_at;
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER gateway_secret_set BEFORE INSERT OR UPDATE ON radius.nas
    FOR EACH ROW EXECUTE FUNCTION radius.gateway_secret_set();

-- Probes that a caller of the API asked for, and that a worker carries out,
-- because gateways take requests from workers only. gateway is the id of a row of
-- radius.nas; address is the one to probe of a network. Rows are deleted after an
-- hour.
CREATE TABLE gateway_probes (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway     integer NOT NULL,
    address     inet NOT NULL,
    api_key     bigint NOT NULL,
    asked_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    taken_at    timestamptz, -- by a worker
    answered_at timestamptz,
    answer      jsonb,
    CHECK ((answered_at IS NULL) = (answer IS NULL))
);
CREATE INDEX gateway_probes_waiting ON gateway_probes (asked_at) WHERE taken_at IS NULL;

ALTER TABLE audit DROP CONSTRAINT audit_action_check;
ALTER TABLE audit ADD CONSTRAINT audit_action_check CHECK (action IN ('account.create', 'account.update', 'account.close', 'account.reopen',
    'account.read', 'account.list', 'key.create', 'key.rotate', 'key.revoke', 'session.sign_in',
    'session.sign_in_denied', 'session.sign_out', 'sim.import', 'sim.sync', 'sim.update', 'sim.status', 'sim.correct',
    'sim.lock', 'sim.unlock', 'sim.history', 'plan.put', 'fee.create', 'fee.delete', 'queue.act',
    'work.retry', 'data_session.close', 'privacy.export', 'privacy.erase', 'transfer.purge',
    'gateway.create', 'gateway.update', 'gateway.delete', 'gateway.probe'));
