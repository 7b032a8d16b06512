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
-- sims, or those of the completed transfers of a request that have the numbers
-- in numbers. For swapped, sims has the old card and the new one. source and
-- destination are the owner before and after; both are set for a change of the
-- owner only, otherwise destination is the owner.
--
-- id is taken while the SIMs are locked, so the ids of a SIM's changes ascend in
-- the order of the changes. seq is the place in the feed. It is assigned later, to
-- the rows that have none, in the order of id; numbered_at is when. A later change
-- of a SIM cannot be visible before an earlier one, so the feed has the changes of
-- each SIM in their order, without waiting for transactions that are running.
CREATE TABLE changes (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the sequence must have CACHE 1
    seq         bigint UNIQUE CHECK (seq > 0),
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    numbered_at timestamptz,
    kind        text NOT NULL CHECK (kind IN ('created', 'transferred', 'status_changed', 'plan_changed',
                    'identifiers_changed', 'swapped', 'owner_corrected')),
    source      bigint,
    destination bigint NOT NULL,
    sims        bigint[],
    request     uuid,
    numbers     int4multirange,
    before      jsonb,
    after       jsonb,
    CHECK ((seq IS NULL) = (numbered_at IS NULL)),
    CHECK ((kind = 'transferred') = (request IS NOT NULL)),
    CHECK ((kind IN ('transferred', 'owner_corrected')) = (source IS NOT NULL)),
    CHECK ((sims IS NULL) = (request IS NOT NULL)),
    CHECK ((numbers IS NULL) = (request IS NULL)),
    CHECK (NOT isempty(numbers)),
    CHECK (cardinality(sims) BETWEEN 1 AND 1000),
    CHECK (kind <> 'swapped' OR cardinality(sims) = 2)
);
CREATE INDEX changes_unnumbered ON changes (id) WHERE seq IS NULL;
CREATE INDEX changes_numbered ON changes (numbered_at);

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
