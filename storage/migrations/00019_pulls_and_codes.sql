-- +goose Up

-- A pull request: an account asks for SIMs that others may own.
CREATE TABLE pulls (
    id          uuid PRIMARY KEY,
    asker       bigint NOT NULL REFERENCES accounts,
    iccids      text[] NOT NULL CHECK (cardinality(iccids) BETWEEN 1 AND 10000), -- as they were asked for
    reference   text CHECK (length(reference) BETWEEN 1 AND 64),
    message     text CHECK (length(message) BETWEEN 1 AND 1000),
    api_key     bigint,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at  timestamptz NOT NULL,
    canceled_at timestamptz
);
CREATE INDEX pulls_asker ON pulls (asker, id);
CREATE INDEX pulls_expiry ON pulls (expires_at);

-- The part of a pull request that one owner decides on: the SIMs that it owned
-- when they were asked for or, once it has decided, those that it decided on.
CREATE TABLE pull_owners (
    pull       uuid NOT NULL REFERENCES pulls ON DELETE CASCADE,
    owner      bigint NOT NULL REFERENCES accounts,
    sims       bigint[] NOT NULL CHECK (cardinality(sims) > 0),
    decision   text CHECK (decision IN ('approved', 'refused')),
    decided_at timestamptz,
    request    uuid UNIQUE REFERENCES requests, -- that the approval has made
    PRIMARY KEY (pull, owner),
    CHECK ((decision IS NULL) = (decided_at IS NULL)),
    CHECK ((request IS NOT NULL) = (decision IS NOT DISTINCT FROM 'approved'))
);
CREATE INDEX pull_owners_owner ON pull_owners (owner, pull);

-- A transfer code: a request whose destination is the account that redeems the code. Only
-- the hash of the code is stored.
CREATE TABLE transfer_codes (
    id                uuid PRIMARY KEY,
    hash              bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    source            bigint NOT NULL REFERENCES accounts,
    identifiers       text[] NOT NULL,
    size              integer NOT NULL CHECK (size > 0 AND size = cardinality(identifiers)),
    self_service_only boolean NOT NULL,
    acceptance        interval NOT NULL CHECK (acceptance BETWEEN '1 second' AND '30 days'),
    reference         text CHECK (length(reference) BETWEEN 1 AND 64),
    message           text CHECK (length(message) BETWEEN 1 AND 1000),
    api_key           bigint,
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at        timestamptz NOT NULL,
    revoked_at        timestamptz,
    redeemed_at       timestamptz,
    request           uuid UNIQUE REFERENCES requests,
    CHECK ((redeemed_at IS NULL) = (request IS NULL)),
    CHECK (revoked_at IS NULL OR redeemed_at IS NULL)
);
CREATE INDEX transfer_codes_source ON transfer_codes (source, id);
CREATE INDEX transfer_codes_expiry ON transfer_codes (expires_at);
-- For the limits of an account.
CREATE INDEX transfer_codes_open ON transfer_codes (source) INCLUDE (size, expires_at) WHERE redeemed_at IS NULL AND revoked_at IS NULL;

-- Attempts to redeem a transfer code that are in progress or failed, of the last
-- hour: for the limits per account and per network.
CREATE TABLE code_attempts (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account bigint NOT NULL,
    network text NOT NULL CHECK (length(network) <= 64),
    at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX code_attempts_account ON code_attempts (account, at);
CREATE INDEX code_attempts_network ON code_attempts (network, at);
CREATE INDEX code_attempts_at ON code_attempts (at);

ALTER TABLE audit
    DROP CONSTRAINT audit_action_check,
    ADD CONSTRAINT audit_action_check CHECK (action IN (
        'account.create', 'account.update', 'account.close', 'account.reopen', 'account.read', 'account.list',
        'key.create', 'key.rotate', 'key.revoke', 'session.sign_in', 'session.sign_in_denied', 'session.sign_out',
        'sim.import', 'sim.sync', 'sim.update', 'sim.status', 'sim.correct', 'sim.lock', 'sim.unlock',
        'sim.identifiers', 'sim.swap', 'sim.retire', 'sim.correct_owner', 'sim.bulk_change', 'sim.history',
        'plan.put', 'plan_mapping.put', 'plan_mapping.delete', 'fee.create', 'fee.delete', 'gateway.create', 'gateway.update', 'gateway.delete',
        'gateway.probe', 'queue.act', 'work.retry', 'data_session.close', 'privacy.export', 'privacy.erase',
        'pull.create', 'pull.cancel', 'pull.approve', 'pull.refuse',
        'code.create', 'code.revoke', 'code.redeem', 'code.denied',
        'transfer.purge', 'export.create'));
