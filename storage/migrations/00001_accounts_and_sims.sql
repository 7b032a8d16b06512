-- +goose Up

-- Accounts, their API keys, and their SIMs.

-- The id of this installation, by which it recognizes its Redis. A copy of the
-- database has the same one.
CREATE TABLE installation (
    id uuid PRIMARY KEY
);
INSERT INTO installation VALUES (gen_random_uuid());

-- The limits are those that the account has in place of the settings of the API:
-- null means as the API is configured, 0 means no limit.
CREATE TABLE accounts (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    operator_id text NOT NULL UNIQUE CHECK (operator_id ~ '^OP[0-9]{10}$'),
    email       text NOT NULL CHECK (email = lower(email)),
    currency    text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    coverage    text NOT NULL CHECK (coverage <> ''),
    standing    text NOT NULL DEFAULT 'open' CHECK (standing IN ('open', 'closed')),
    max_open_requests integer CHECK (max_open_requests >= 0),
    max_open_sims     integer CHECK (max_open_sims >= 0),
    max_unknown_sims  integer CHECK (max_unknown_sims >= 0),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- hash is the SHA-256 of the token; hint is the part of the token that lists show.
-- permission says what a key of an account may do there. networks are those from
-- which the key may be used; none: any.
CREATE TABLE api_keys (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash         bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    hint         text NOT NULL,
    role         text NOT NULL CHECK (role IN ('account', 'support', 'finance', 'admin')),
    account      bigint REFERENCES accounts,
    permission   text CHECK (permission IN ('viewer', 'operator', 'approver', 'owner')),
    networks     cidr[] NOT NULL DEFAULT '{}',
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by   bigint REFERENCES api_keys, -- null: a command on the database
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    revoked_by   bigint REFERENCES api_keys,
    old_hash     bytea UNIQUE CHECK (length(old_hash) = 32), -- of the token from before the last rotation, which works until old_until
    old_until    timestamptz,
    CHECK ((role = 'account') = (account IS NOT NULL)),
    CHECK ((role = 'account') = (permission IS NOT NULL)),
    CHECK (revoked_at IS NOT NULL OR revoked_by IS NULL),
    CHECK ((old_hash IS NULL) = (old_until IS NULL))
);

-- Two keys of an account, or of a role of staff, that are in use at the same time
-- have different names, so that a name in the records names one key.
CREATE UNIQUE INDEX api_keys_name ON api_keys (coalesce(account, 0), role, lower(name)) WHERE revoked_at IS NULL;

-- A browser session that was opened with an administrator's key; hash is the
-- SHA-256 of the secret in its cookie. It ends when the key is revoked.
CREATE TABLE sign_ins (
    hash       bytea PRIMARY KEY CHECK (length(hash) = 32),
    api_key    bigint NOT NULL REFERENCES api_keys,
    expires_at timestamptz NOT NULL
);

-- The answers to POST calls with an Idempotency-Key, kept for 24 hours.
CREATE TABLE idempotency (
    scope       text NOT NULL,
    key         text NOT NULL,
    fingerprint bytea NOT NULL,
    answer      jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);

-- SIMs on a coverage-bound plan cannot move to an account with another coverage.
CREATE TABLE plans (
    name           text PRIMARY KEY,
    coverage_bound boolean NOT NULL
);

-- The settings of a SIM of which a transfer records a snapshot: the columns with
-- the same names in sims.
CREATE TYPE sim_settings AS (
    tags                   jsonb,
    expiration             timestamptz,
    termination_protection boolean,
    sim_group              text,
    event_handlers         jsonb,
    speed_class            text,
    containers             jsonb,
    imei_lock              text
);

-- account and since repeat the latest row of registrations, so that frequent
-- queries need no join.
CREATE TABLE sims (
    id                     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account                bigint NOT NULL,
    since                  timestamptz NOT NULL,
    status                 text NOT NULL CHECK (status IN ('ready', 'active', 'inactive', 'standby', 'suspended', 'terminated')),
    transfer_lock          boolean NOT NULL DEFAULT false,
    termination_protection boolean NOT NULL DEFAULT false,
    iccid                  text NOT NULL CHECK (length(iccid) BETWEEN 18 AND 22),
    plan                   text NOT NULL,
    expiration             timestamptz,
    sim_group              text,
    speed_class            text,
    imei_lock              text,
    tags                   jsonb NOT NULL DEFAULT '{}',
    event_handlers         jsonb NOT NULL DEFAULT '[]',
    containers             jsonb NOT NULL DEFAULT '[]'
) WITH (fillfactor = 70);
CREATE INDEX sims_account ON sims (account, id);
-- A transfer resets the group, so this index costs it nothing.
CREATE INDEX sims_group ON sims (account, sim_group, id) WHERE sim_group IS NOT NULL;

-- Every identifier of every SIM, digits only.
CREATE TABLE identifiers (
    identifier text PRIMARY KEY CHECK (identifier ~ '^[0-9]{6,22}$'),
    sim        bigint NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('iccid', 'imsi', 'msisdn'))
);
CREATE INDEX identifiers_sim ON identifiers (sim);

-- The timeline of a SIM: the account that it was registered to, and since when.
-- A row is valid until the next one of the same SIM, so rows cannot overlap.
-- request and n name the transfer that made the row; before and after are the
-- SIM's settings before and after it. All four are null for the first row.
CREATE TABLE registrations (
    sim     bigint NOT NULL,
    since   timestamptz NOT NULL,
    account bigint NOT NULL,
    request uuid,
    n       integer,
    before  sim_settings,
    after   sim_settings,
    PRIMARY KEY (sim, since),
    CHECK ((request IS NULL) = (n IS NULL))
);

-- The fee for a transfer of one SIM, in the currency's minor unit, since valid_from.
CREATE TABLE fees (
    method     text NOT NULL CHECK (method IN ('self_service', 'support_assisted')),
    currency   text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    valid_from timestamptz NOT NULL DEFAULT clock_timestamp(),
    amount     bigint NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (method, currency, valid_from),
    CHECK (method <> 'self_service' OR amount = 0)
);
