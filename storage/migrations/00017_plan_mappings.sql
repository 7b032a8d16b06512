-- +goose Up

-- The plan on which a SIM lands. A worker of the previous version cannot write
-- snapshots without it: what it has to transfer waits for a worker of the new one.
ALTER TYPE sim_settings ADD ATTRIBUTE plan text;

-- On which plans of an account SIMs land: from one source, by its operator id, or
-- from any source, where source is empty. The operator id is not a reference, so
-- that an account that names another one does not learn whether it exists. plans
-- has the plan for each plan of a SIM; default_plan is for those that it does not
-- name.
CREATE TABLE plan_mappings (
    account      bigint NOT NULL REFERENCES accounts,
    source       text NOT NULL DEFAULT '' CHECK (source ~ '^(OP[0-9]{10})?$'),
    plans        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(plans) = 'object' AND octet_length(plans::text) <= 131072),
    default_plan text CHECK (length(default_plan) BETWEEN 1 AND 64),
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account, source),
    CHECK (plans <> '{}' OR default_plan IS NOT NULL)
);

-- requests.landing can have the plan that the destination chose (plan) or, if it
-- chose none, the mapping that was in force when it accepted (plans,
-- default_plan).
ALTER TABLE requests
    ADD CONSTRAINT requests_landing_plan CHECK (
        coalesce(length(landing ->> 'plan'), 0) <= 64
        AND (NOT landing ? 'plan' OR NOT landing ?| ARRAY['plans', 'default_plan']));

-- A transfer that changes the plan has one entry in the changes feed: the entry of
-- the transfer.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION record_sim_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.status <> NEW.status THEN
        INSERT INTO public.changes (kind, destination, sims, before, after)
        VALUES ('status_changed', NEW.account, ARRAY[NEW.id], jsonb_build_object('status', OLD.status), jsonb_build_object('status', NEW.status));
    END IF;
    IF OLD.plan <> NEW.plan AND OLD.account = NEW.account THEN
        INSERT INTO public.changes (kind, destination, sims, before, after)
        VALUES ('plan_changed', NEW.account, ARRAY[NEW.id], jsonb_build_object('plan', OLD.plan), jsonb_build_object('plan', NEW.plan));
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE OR REPLACE TRIGGER record_sim_change AFTER UPDATE OF status, plan ON sims
    FOR EACH ROW WHEN (OLD.status <> NEW.status OR OLD.plan <> NEW.plan AND OLD.account = NEW.account) EXECUTE FUNCTION record_sim_change();

ALTER TABLE audit
    DROP CONSTRAINT audit_action_check,
    ADD CONSTRAINT audit_action_check CHECK (action IN (
        'account.create', 'account.update', 'account.close', 'account.reopen', 'account.read', 'account.list',
        'key.create', 'key.rotate', 'key.revoke', 'session.sign_in', 'session.sign_in_denied', 'session.sign_out',
        'sim.import', 'sim.sync', 'sim.update', 'sim.status', 'sim.correct', 'sim.lock', 'sim.unlock',
        'sim.identifiers', 'sim.swap', 'sim.retire', 'sim.correct_owner', 'sim.bulk_change', 'sim.history',
        'plan.put', 'plan_mapping.put', 'plan_mapping.delete', 'fee.create', 'fee.delete', 'gateway.create', 'gateway.update',
        'gateway.delete', 'gateway.probe', 'queue.act', 'work.retry', 'data_session.close', 'privacy.export', 'privacy.erase',
        'transfer.purge', 'export.create'));
