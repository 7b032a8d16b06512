-- +goose Up

-- Time: requests that are accepted for later, reminders, extensions, and ends that
-- are taken back.

ALTER TABLE requests
    -- When the window of an acceptance begins; it ends at expires_at. The request is
    -- scheduled until then.
    ADD COLUMN not_before    timestamptz,
    -- When the time to decide that expires_at ends began.
    ADD COLUMN waiting_since timestamptz,
    -- How many reminders were sent in this time, and when the next one is due.
    ADD COLUMN reminded      smallint NOT NULL DEFAULT 0 CHECK (reminded BETWEEN 0 AND 2),
    ADD COLUMN remind_at     timestamptz,
    -- How a party ended the whole request, so that it can take that back: when, who,
    -- and the state, the expiry and the number of eligible transfers before.
    ADD COLUMN ended_at      timestamptz,
    ADD COLUMN ended_by      text CHECK (ended_by IN ('source', 'destination', 'support', 'system')),
    ADD COLUMN ended_from    text CHECK (ended_from IN ('in_review', 'awaiting_acceptance', 'scheduled')),
    ADD COLUMN ended_expiry  timestamptz,
    ADD COLUMN ended_open    integer CHECK (ended_open > 0),
    DROP CONSTRAINT requests_state_check,
    ADD CONSTRAINT requests_state_check CHECK (state IN ('validating', 'in_review', 'awaiting_acceptance', 'scheduled', 'transferring',
        'completed', 'rejected', 'canceled', 'declined', 'denied', 'expired')),
    ADD CONSTRAINT requests_scheduled_check CHECK (state <> 'scheduled'
        OR (n_left = 0 AND n_eligible > 0 AND offered_at IS NOT NULL AND not_before IS NOT NULL)),
    ADD CONSTRAINT requests_ended_check CHECK (num_nulls(ended_at, ended_by, ended_from, ended_open) IN (0, 4)
        AND (ended_at IS NULL OR state IN ('canceled', 'declined', 'denied')));

DROP INDEX requests_expiry;
CREATE INDEX requests_expiry ON requests (expires_at) WHERE state IN ('in_review', 'awaiting_acceptance', 'scheduled');
CREATE INDEX requests_start ON requests (not_before) WHERE state = 'scheduled';
CREATE INDEX requests_remind ON requests (remind_at) WHERE state IN ('in_review', 'awaiting_acceptance') AND remind_at IS NOT NULL;

ALTER TABLE events
    DROP CONSTRAINT events_kind_check,
    ADD CONSTRAINT events_kind_check CHECK (kind IN ('create', 'validate', 'reject', 'review', 'offer', 'approve', 'deny', 'extend', 'remind',
        'accept', 'start', 'decline', 'cancel', 'expire', 'execute', 'drop_sessions', 'release', 'finish', 'take_back', 'retry', 'comment'));
