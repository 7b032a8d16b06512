-- +goose Up

-- People, and how they sign in.

CREATE TABLE people (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The API writes addresses in lower case. lower() would depend on the locale.
    email       text NOT NULL UNIQUE CHECK (email !~ '[A-Z]' AND octet_length(email) BETWEEN 1 AND 254),
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    -- Who the person is for an OpenID provider; null until the first sign-in there.
    issuer      text CHECK (octet_length(issuer) BETWEEN 1 AND 2000),
    subject     text CHECK (octet_length(subject) BETWEEN 1 AND 255),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    disabled_at timestamptz, -- the person can neither sign in nor stay signed in
    UNIQUE (issuer, subject),
    CHECK ((issuer IS NULL) = (subject IS NULL))
);

-- A row with a person is a membership: what the person may do in an account, or as
-- staff. Its hash is random, so that it is the hash of no token. Whatever refers to
-- an API key can refer to a membership.
ALTER TABLE api_keys
    ADD COLUMN person bigint REFERENCES people,
    ADD CONSTRAINT api_keys_person_check CHECK (person IS NULL
        OR (expires_at IS NULL AND old_hash IS NULL AND networks = '{}'));

-- A person is in an account, or among the staff, once at a time.
CREATE UNIQUE INDEX api_keys_membership ON api_keys (person, coalesce(account, 0)) WHERE person IS NOT NULL AND revoked_at IS NULL;
CREATE INDEX api_keys_person ON api_keys (person) WHERE person IS NOT NULL;

-- A browser that has signed in, with an API key or as a person. hash is the SHA-256
-- of the secret that the browser keeps. The sign-in ends at expires_at, which use
-- moves, but not beyond ends_at. A dangerous act needs a fresh sign-in: one before
-- fresh_until.
ALTER TABLE sign_ins
    ALTER COLUMN api_key DROP NOT NULL,
    ADD COLUMN id           bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    ADD COLUMN person       bigint REFERENCES people,
    ADD COLUMN created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN last_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN ends_at      timestamptz NOT NULL DEFAULT clock_timestamp() + interval '7 days',
    ADD COLUMN fresh_until  timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN address      text CHECK (length(address) <= 64),
    ADD COLUMN user_agent   text CHECK (length(user_agent) <= 300),
    ADD CONSTRAINT sign_ins_who_check CHECK (num_nulls(api_key, person) = 1);

CREATE INDEX sign_ins_person ON sign_ins (person) WHERE person IS NOT NULL;
CREATE INDEX sign_ins_key ON sign_ins (api_key) WHERE api_key IS NOT NULL;
