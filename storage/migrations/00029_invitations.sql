-- +goose Up

-- Invitations, and the audit trail of people.

-- When it was first shown that the person reads the mail to email; null: never.
ALTER TABLE people ADD COLUMN verified_at timestamptz;

-- hash is the SHA-256 of the secret in the link of the invitation. mailed says that
-- the link was sent to email; otherwise the caller who invites got it, and can have
-- accepted the invitation as well. Without an account, it is for staff.
CREATE TABLE invitations (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash        bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    email       text NOT NULL CHECK (email !~ '[A-Z]' AND octet_length(email) BETWEEN 1 AND 254),
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    role        text NOT NULL CONSTRAINT invitations_role_check CHECK (role IN ('account', 'support', 'finance', 'admin')),
    account     bigint REFERENCES accounts,
    permission  text CONSTRAINT invitations_permission_check CHECK (permission IN ('viewer', 'operator', 'approver', 'owner')),
    mailed      boolean NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by  bigint REFERENCES api_keys, -- null: a command on the database
    expires_at  timestamptz NOT NULL,
    revoked_at  timestamptz,
    revoked_by  bigint REFERENCES api_keys,
    accepted_at timestamptz,
    person      bigint REFERENCES people, -- who has accepted it
    CHECK ((role = 'account') = (account IS NOT NULL)),
    CHECK ((role = 'account') = (permission IS NOT NULL)),
    CHECK (revoked_at IS NOT NULL OR revoked_by IS NULL),
    CHECK (revoked_at IS NULL OR accepted_at IS NULL),
    CHECK ((accepted_at IS NULL) = (person IS NULL))
);
CREATE INDEX invitations_account ON invitations (account, id);
CREATE INDEX invitations_email ON invitations (email);
CREATE INDEX invitations_person ON invitations (person) WHERE person IS NOT NULL;

ALTER TABLE audit
    ADD COLUMN person bigint, -- who acted, by a membership or without one
    DROP CONSTRAINT audit_actor_check,
    ADD CONSTRAINT audit_actor_check CHECK (actor IN ('key', 'person', 'command', 'system', 'unknown')),
    DROP CONSTRAINT audit_check,
    ADD CONSTRAINT audit_check CHECK (CASE actor
        WHEN 'key' THEN api_key IS NOT NULL
        WHEN 'person' THEN person IS NOT NULL
        ELSE api_key IS NULL AND person IS NULL
    END),
    DROP CONSTRAINT audit_action_check,
    ADD CONSTRAINT audit_action_check CHECK (action IN (
        'account.create', 'account.update', 'account.close', 'account.reopen', 'account.read', 'account.list',
        'key.create', 'key.rotate', 'key.revoke',
        'session.sign_in', 'session.sign_in_denied', 'session.sign_out', 'session.end',
        'person.update', 'person.disable', 'person.enable', 'membership.create', 'membership.update', 'membership.remove',
        'invitation.create', 'invitation.revoke', 'invitation.accept',
        'sim.import', 'sim.sync', 'sim.update', 'sim.status', 'sim.correct', 'sim.lock', 'sim.unlock',
        'sim.identifiers', 'sim.swap', 'sim.retire', 'sim.correct_owner', 'sim.bulk_change', 'sim.history',
        'plan.put', 'plan_mapping.put', 'plan_mapping.delete', 'fee.create', 'fee.delete', 'gateway.create', 'gateway.update', 'gateway.delete',
        'gateway.probe', 'queue.act', 'work.retry', 'data_session.close', 'privacy.export', 'privacy.erase',
        'pull.create', 'pull.cancel', 'pull.approve', 'pull.refuse',
        'code.create', 'code.revoke', 'code.redeem', 'code.denied',
        'request.accept_on_behalf',
        'transfer.purge', 'export.create'));

CREATE INDEX audit_person ON audit (person, at, id) WHERE person IS NOT NULL;

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION audit_guard() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.at < clock_timestamp() - interval '90 days' THEN
            RETURN OLD;
        END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        IF (NEW.id, NEW.at, NEW.action, NEW.actor, NEW.api_key, NEW.person, NEW.key_role, NEW.key_hint, NEW.account, NEW.sim, NEW.object, NEW.object_id)
                IS NOT DISTINCT FROM
                (OLD.id, OLD.at, OLD.action, OLD.actor, OLD.api_key, OLD.person, OLD.key_role, OLD.key_hint, OLD.account, OLD.sim, OLD.object, OLD.object_id)
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
