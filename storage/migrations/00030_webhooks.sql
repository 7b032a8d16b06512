-- +goose Up

-- Webhooks. A scheduler reads the event feed from the position in outbox, and
-- makes messages and deliveries of it in the transaction that moves the position.
-- The work of an endpoint, its lane, is one row of work; see docs/webhooks.md.

CREATE TABLE webhook_endpoints (
    id               uuid PRIMARY KEY,
    lane             bigint GENERATED ALWAYS AS IDENTITY UNIQUE, -- the item of its row of work
    account          bigint REFERENCES accounts (id), -- null: of staff, for the events of all accounts
    url              text NOT NULL CHECK (length(url) BETWEEN 1 AND 1000),
    description      text NOT NULL DEFAULT '' CHECK (length(description) <= 200),
    types            text[] NOT NULL DEFAULT '{}', -- types of messages; empty: all
    secret           bytea NOT NULL CHECK (octet_length(secret) BETWEEN 24 AND 64),
    secret_set_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    old_secret       bytea CHECK (octet_length(old_secret) BETWEEN 24 AND 64), -- before a rotation
    old_secret_until timestamptz,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    disabled_at      timestamptz,
    disabled_reason  text CHECK (disabled_reason IN ('by_owner', 'gone', 'failing')),
    last_success_at  timestamptz,
    last_failure_at  timestamptz,
    last_failure     text,
    failing_since    timestamptz, -- the first failure since the last success
    failures         integer NOT NULL DEFAULT 0, -- turns without a success since then
    paused_until     timestamptz, -- nothing is sent before: it did not answer, or asked for it
    slow             boolean NOT NULL DEFAULT true, -- its last attempt timed out, or none has succeeded yet
    changes_seq      bigint NOT NULL DEFAULT 0, -- the newest change that it was sent a message about
    changes_at       timestamptz, -- and when
    CHECK ((old_secret IS NULL) = (old_secret_until IS NULL)),
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
) WITH (fillfactor = 50);
CREATE INDEX webhook_endpoints_account ON webhook_endpoints (account);

-- What one audience hears of an event. The body is what is signed and sent, so
-- that every attempt sends the same.
CREATE TABLE messages (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event      text NOT NULL CHECK (length(event) BETWEEN 1 AND 100), -- names it to receivers: the position of its event in the feed
    account    bigint, -- who hears it; null: staff
    type       text NOT NULL CHECK (length(type) BETWEEN 1 AND 100),
    at         timestamptz NOT NULL, -- when it happened
    body       text NOT NULL CHECK (octet_length(body) < 20000),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX messages_created ON messages (created_at);

CREATE TABLE webhook_deliveries (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint         uuid NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    message          bigint NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    state            text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts         integer NOT NULL DEFAULT 0, -- since it was made or replayed
    not_before       timestamptz NOT NULL DEFAULT clock_timestamp(), -- of the next attempt
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    replayed_at      timestamptz,
    -- The last attempt.
    attempted_at     timestamptz,
    took_ms          integer,
    status           integer, -- null: there was no answer
    error            text,
    request_headers  jsonb,
    response_headers jsonb,
    response         bytea CHECK (octet_length(response) <= 4096),
    UNIQUE (message, endpoint)
) WITH (fillfactor = 50);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint, not_before) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (endpoint, id);

-- Requests of a batch do not send a message each: what happens to them is
-- collected until due_at.
CREATE TABLE message_groups (
    account   bigint NOT NULL, -- who hears it; 0: staff
    batch     uuid NOT NULL,
    type      text NOT NULL, -- of the messages that are collected
    source    text NOT NULL, -- the operator id of the batch's account
    requests  integer NOT NULL,
    sims      bigint NOT NULL,
    completed bigint NOT NULL,
    event     text NOT NULL, -- the last one
    at        timestamptz NOT NULL, -- when that happened
    due_at    timestamptz NOT NULL, -- if requests is 0: the earliest that the next one can be due
    wait      interval NOT NULL, -- how long it collects; it doubles each time
    PRIMARY KEY (account, batch, type)
) WITH (fillfactor = 50);
CREATE INDEX message_groups_due ON message_groups (due_at);

-- Up to where the event feed has been made into messages.
CREATE TABLE outbox (
    feed text PRIMARY KEY CHECK (feed = 'events'),
    tx   xid8, -- null: nothing was read yet
    id   bigint NOT NULL
);
INSERT INTO outbox VALUES ('events', NULL, 0);

ALTER TABLE work
    DROP CONSTRAINT work_kind_check,
    ADD CONSTRAINT work_kind_check CHECK (kind IN ('validate', 'execute', 'drop_sessions', 'drop_stray', 'release', 'deliver_webhooks')),
    DROP CONSTRAINT work_queue_check,
    ADD CONSTRAINT work_queue_check CHECK (queue IN ('interactive', 'gateway_interactive', 'bulk', 'gateway', 'notify_webhook', 'notify_webhook_slow')),
    DROP CONSTRAINT work_check,
    ADD CONSTRAINT work_request_check CHECK ((kind IN ('drop_stray', 'deliver_webhooks')) = (request IS NULL));
CREATE UNIQUE INDEX work_lane ON work ((items[1])) WHERE kind = 'deliver_webhooks';

ALTER TABLE audit
    DROP CONSTRAINT audit_action_check,
    ADD CONSTRAINT audit_action_check CHECK (action IN (
        'webhook.create', 'webhook.update', 'webhook.delete', 'webhook.rotate', 'webhook.enable', 'webhook.disable', 'webhook.test', 'webhook.replay',
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
