-- +goose Up

-- What happens to a SIM besides its transfers: identifiers that it had, new cards
-- in place of old ones, wrong imports, and corrections of the owner.

-- The identifiers that a SIM had, and until when. The current ones are in
-- identifiers. The trigger writes a row when an identifier is removed from its SIM
-- or moves to another one.
CREATE TABLE former_identifiers (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identifier text NOT NULL,
    sim        bigint NOT NULL,
    kind       text NOT NULL,
    until      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX former_identifiers_identifier ON former_identifiers (identifier, until);
CREATE INDEX former_identifiers_sim ON former_identifiers (sim);

-- +goose StatementBegin
CREATE FUNCTION keep_former_identifiers() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO public.former_identifiers (identifier, sim, kind)
        SELECT identifier, sim, kind FROM was;
    ELSE
        INSERT INTO public.former_identifiers (identifier, sim, kind)
        SELECT identifier, sim, kind FROM was
        EXCEPT
        SELECT identifier, sim, kind FROM now_is;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER keep_former_identifiers_deleted AFTER DELETE ON identifiers
    REFERENCING OLD TABLE AS was FOR EACH STATEMENT EXECUTE FUNCTION keep_former_identifiers();
CREATE TRIGGER keep_former_identifiers_updated AFTER UPDATE ON identifiers
    REFERENCING OLD TABLE AS was NEW TABLE AS now_is FOR EACH STATEMENT EXECUTE FUNCTION keep_former_identifiers();

-- A card that took over from another one. The new card can be replaced in turn.
CREATE TABLE swaps (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    old_sim bigint NOT NULL,
    new_sim bigint NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (old_sim <> new_sim)
);
CREATE INDEX swaps_old_sim ON swaps (old_sim);
CREATE INDEX swaps_new_sim ON swaps (new_sim);

-- A SIM that was imported by mistake. It is terminated and has no identifiers, so
-- that the right SIM can be imported.
CREATE TABLE retired_sims (
    sim bigint PRIMARY KEY,
    at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The rows of registrations that neither an import nor a transfer made, but an
-- administrator who corrected the owner.
CREATE TABLE owner_corrections (
    sim    bigint NOT NULL,
    since  timestamptz NOT NULL,
    ticket text CHECK (length(ticket) BETWEEN 1 AND 100),
    PRIMARY KEY (sim, since)
);

ALTER TABLE audit
    DROP CONSTRAINT audit_action_check,
    ADD CONSTRAINT audit_action_check CHECK (action IN (
        'account.create', 'account.update', 'account.close', 'account.reopen', 'account.read', 'account.list',
        'key.create', 'key.rotate', 'key.revoke', 'session.sign_in', 'session.sign_in_denied', 'session.sign_out',
        'sim.import', 'sim.sync', 'sim.update', 'sim.status', 'sim.correct', 'sim.lock', 'sim.unlock',
        'sim.identifiers', 'sim.swap', 'sim.retire', 'sim.correct_owner', 'sim.bulk_change', 'sim.history',
        'plan.put', 'fee.create', 'fee.delete', 'gateway.create', 'gateway.update', 'gateway.delete',
        'gateway.probe', 'queue.act', 'work.retry', 'data_session.close', 'privacy.export', 'privacy.erase',
        'transfer.purge', 'export.create'));
