-- +goose Up

-- Mail to contacts and people. Mails about requests are made with the messages of
-- webhooks, in the transaction that moves the position in outbox; the others in the
-- transaction of the act that they are about. See docs/mail.md.

-- Whether mail is sent, and how the mail server answers. A worker that has one sets
-- active_until; without such a worker no mails are made.
CREATE TABLE mail_sender (
    one           boolean PRIMARY KEY CHECK (one),
    secret        bytea NOT NULL CHECK (octet_length(secret) = 32), -- signs the links to unsubscribe
    active_until  timestamptz NOT NULL,
    paused_until  timestamptz, -- nothing is sent before: the mail server did not take mail
    failures      integer NOT NULL DEFAULT 0, -- since it last took or refused one
    failing_since timestamptz,
    failure       text CHECK (length(failure) <= 500)
);
INSERT INTO mail_sender (one, secret, active_until)
VALUES (true, sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), '-infinity');

CREATE TABLE mails (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id   uuid NOT NULL DEFAULT gen_random_uuid(), -- of the header Message-ID
    event        text NOT NULL CHECK (length(event) BETWEEN 1 AND 200), -- what it is about: as in the event feed and in webhooks
    account      bigint REFERENCES accounts, -- whose contact it goes to; null: to a person
    address      text NOT NULL CHECK (octet_length(address) BETWEEN 1 AND 254),
    kind         text NOT NULL CHECK (kind IN ('asked', 'reminder', 'decided', 'completed', 'expired', 'digest', 'fees', 'on_behalf', 'webhook',
                     'new_key', 'new_sign_in', 'contacts')),
    type         text NOT NULL CHECK (length(type) BETWEEN 1 AND 40),
    request      uuid,
    data         jsonb NOT NULL CHECK (octet_length(data::text) < 20000), -- what it says, until it has ended
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    state        text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'failed', 'dropped')),
    attempts     integer NOT NULL DEFAULT 0, -- that were begun
    not_before   timestamptz NOT NULL DEFAULT clock_timestamp(), -- of the next attempt
    attempted_at timestamptz, -- when the last attempt began
    ended_at     timestamptz, -- when the mail server took it, or it was given up
    code         integer, -- what the mail server answered to the last attempt; null: nothing
    error        text CHECK (length(error) <= 500),
    CHECK ((state = 'pending') = (ended_at IS NULL))
) WITH (fillfactor = 70);
-- One mail of a kind about an event to a contact, whatever happens to the process
-- that makes it.
CREATE UNIQUE INDEX mails_once ON mails (event, kind, coalesce(account, 0), address);
CREATE INDEX mails_due ON mails (not_before, id) WHERE state = 'pending';
CREATE INDEX mails_account ON mails (account, id);
CREATE INDEX mails_recent ON mails (account, created_at) WHERE request IS NOT NULL;
CREATE INDEX mails_address ON mails (address, id);
CREATE INDEX mails_created ON mails (created_at);

-- What contacts have chosen, where it is not the default. The account 0 is for mails
-- to a person.
CREATE TABLE mail_choices (
    account   bigint NOT NULL,
    address   text NOT NULL CHECK (octet_length(address) BETWEEN 1 AND 254),
    kind      text NOT NULL CHECK (kind IN ('asked', 'reminder', 'decided', 'completed', 'expired', 'digest', 'fees', 'webhook')),
    chosen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account, address, kind)
);

-- Addresses whose mails are refused, until one gets through.
CREATE TABLE mail_refusals (
    address text PRIMARY KEY CHECK (octet_length(address) BETWEEN 1 AND 254),
    since   timestamptz NOT NULL DEFAULT clock_timestamp(), -- the first refusal
    last_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    code    integer,
    error   text NOT NULL CHECK (length(error) <= 500)
);

-- Requests of a batch do not make a mail each, and neither do many requests in a
-- short time: what happens to them is collected until due_at.
CREATE TABLE mail_digests (
    account bigint NOT NULL,
    batch   text NOT NULL, -- empty: requests that belong to no batch
    kind    text NOT NULL CHECK (kind IN ('digest', 'fees', 'on_behalf')),
    news    jsonb NOT NULL, -- what was collected
    event   text NOT NULL, -- the last one
    pending boolean NOT NULL, -- whether there is something to send
    due_at  timestamptz NOT NULL, -- if there is not: the earliest that the next mail can be due
    wait    interval NOT NULL, -- how long it collects; it doubles each time
    PRIMARY KEY (account, batch, kind)
) WITH (fillfactor = 50);
CREATE INDEX mail_digests_due ON mail_digests (due_at);

ALTER TABLE work
    DROP CONSTRAINT work_kind_check,
    ADD CONSTRAINT work_kind_check CHECK (kind IN ('validate', 'execute', 'drop_sessions', 'drop_stray', 'release', 'deliver_webhooks', 'deliver_mails')),
    DROP CONSTRAINT work_queue_check,
    ADD CONSTRAINT work_queue_check CHECK (queue IN ('interactive', 'gateway_interactive', 'bulk', 'gateway', 'notify_webhook', 'notify_webhook_slow', 'notify_mail')),
    DROP CONSTRAINT work_request_check,
    ADD CONSTRAINT work_request_check CHECK ((kind IN ('drop_stray', 'deliver_webhooks', 'deliver_mails')) = (request IS NULL));
CREATE UNIQUE INDEX work_mail ON work (kind) WHERE kind = 'deliver_mails';

ALTER TABLE audit
    DROP CONSTRAINT audit_action_check,
    ADD CONSTRAINT audit_action_check CHECK (action IN (
        'mail.choice',
        'webhook.create', 'webhook.update', 'webhook.delete', 'webhook.rotate', 'webhook.enable', 'webhook.disable', 'webhook.test', 'webhook.replay',
        'account.create', 'account.update', 'account.close', 'account.reopen', 'account.read', 'account.list',
        'key.create', 'key.rotate', 'key.revoke',
        'session.sign_in', 'session.sign_in_denied', 'session.sign_out', 'session.end',
        'person.update', 'person.disable', 'person.enable', 'membership.create', 'membership.update', 'membership.remove',
        'invitation.create', 'invitation.revoke', 'invitation.accept',
        'sim.import', 'sim.sync', 'sim.update', 'sim.status', 'sim.correct', 'sim.lock', 'sim.unlock',
        'sim.identifiers', 'sim.swap', 'sim.retire', 'sim.correct_owner', 'sim.bulk_change', 'sim.history',
        'plan.put', 'plan_mapping.put', 'plan_mapping.delete', 'fee.create', 'fee.delete', 'gateway.create', 'gateway.update', 'gateway.delete',
        'gateway.probe', 'queue.act', 'work.retry', 'data_session.close', 'data_session.drop', 'privacy.export', 'privacy.erase',
        'pull.create', 'pull.cancel', 'pull.approve', 'pull.refuse',
        'code.create', 'code.revoke', 'code.redeem', 'code.denied',
        'request.accept_on_behalf',
        'transfer.purge', 'export.create'));
