-- +goose Up

-- What the operator's own systems know of a SIM. A table of its own, so that its
-- indexes cost a transfer nothing; SIMs without any of these have no row.
-- external_id is the SIM's id in the operator's inventory, lot the order or box
-- that it came in. An EID can have several SIMs.
CREATE TABLE sim_details (
    sim         bigint PRIMARY KEY,
    eid         text CHECK (eid ~ '^[0-9]{32}$'),
    lot         text CHECK (length(lot) BETWEEN 1 AND 128),
    external_id text UNIQUE CHECK (length(external_id) BETWEEN 1 AND 128)
);
CREATE INDEX sim_details_eid ON sim_details (eid) WHERE eid IS NOT NULL;
CREATE INDEX sim_details_lot ON sim_details (lot, sim) WHERE lot IS NOT NULL;

-- When a SIM changed last, other than by a transfer: since has the instant of that.
ALTER TABLE sims ADD COLUMN updated_at timestamptz NOT NULL DEFAULT clock_timestamp();

-- +goose StatementBegin
CREATE FUNCTION sim_updated() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER sim_updated BEFORE UPDATE ON sims
    FOR EACH ROW WHEN (OLD.account = NEW.account) EXECUTE FUNCTION sim_updated();

-- What other systems have to know of SIMs: that they were created, and each
-- change of their owner, status, plan or identifiers, inserted in the transaction
-- of the change. One row can stand for many SIMs that changed alike: those in
-- sims, or the completed transfers of a request from lo to below hi. source and
-- destination are the owner before and after; both are set for a change of the
-- owner only, otherwise destination is the owner.
--
-- id is taken while the SIMs are locked, so the ids of a SIM's changes ascend in
-- the order of the changes. seq is the place in the feed. A reader assigns it to
-- the rows that have none, in the order of id. A later change of a SIM cannot be
-- visible before an earlier one, so the feed has the changes of each SIM in their
-- order, without waiting for transactions that are running.
CREATE TABLE changes (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seq         bigint UNIQUE,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind        text NOT NULL CHECK (kind IN ('created', 'transferred', 'status_changed', 'plan_changed',
                    'identifiers_changed', 'swapped', 'owner_corrected')),
    source      bigint,
    destination bigint NOT NULL,
    sims        bigint[],
    request     uuid,
    lo          integer,
    hi          integer,
    before      jsonb,
    after       jsonb,
    CHECK ((kind = 'transferred') = (request IS NOT NULL)),
    CHECK ((sims IS NULL) = (request IS NOT NULL)),
    CHECK ((request IS NULL) = (lo IS NULL AND hi IS NULL)),
    CHECK (cardinality(sims) BETWEEN 1 AND 1000)
);
CREATE INDEX changes_unnumbered ON changes (id) WHERE seq IS NULL;
CREATE INDEX changes_at ON changes (at);

-- Status and plan are changed by several programs, so a trigger records it. A
-- transfer does not set them, so it costs a transfer nothing.
-- +goose StatementBegin
CREATE FUNCTION record_sim_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.status <> NEW.status THEN
        INSERT INTO public.changes (kind, destination, sims, before, after)
        VALUES ('status_changed', NEW.account, ARRAY[NEW.id], jsonb_build_object('status', OLD.status), jsonb_build_object('status', NEW.status));
    END IF;
    IF OLD.plan <> NEW.plan THEN
        INSERT INTO public.changes (kind, destination, sims, before, after)
        VALUES ('plan_changed', NEW.account, ARRAY[NEW.id], jsonb_build_object('plan', OLD.plan), jsonb_build_object('plan', NEW.plan));
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER record_sim_change AFTER UPDATE OF status, plan ON sims
    FOR EACH ROW WHEN (OLD.status <> NEW.status OR OLD.plan <> NEW.plan) EXECUTE FUNCTION record_sim_change();
