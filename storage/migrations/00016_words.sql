-- +goose Up

-- What people say about a request. reference is the source's own, such as a
-- purchase order. A request of a batch has the reference and the message of the
-- batch. code and reason are those of the decision that ended the request; codes
-- also has those of decisions about some of its SIMs.
ALTER TABLE batches
    ADD COLUMN reference text CHECK (length(reference) BETWEEN 1 AND 64),
    ADD COLUMN message   text CHECK (length(message) BETWEEN 1 AND 1000);
ALTER TABLE requests
    ADD COLUMN reference text CHECK (length(reference) BETWEEN 1 AND 64),
    ADD COLUMN message   text CHECK (length(message) BETWEEN 1 AND 1000),
    ADD COLUMN code      text CHECK (code IN ('not_ours', 'wrong_sims', 'wrong_account', 'duplicate', 'unexpected',
        'no_longer_needed', 'price', 'not_permitted', 'suspected_fraud', 'other')),
    ADD COLUMN reason    text CHECK (length(reason) BETWEEN 1 AND 500),
    ADD COLUMN codes     text[],
    ADD CHECK (state IN ('canceled', 'declined', 'denied') OR (code IS NULL AND reason IS NULL));
CREATE INDEX batches_reference ON batches (reference, account) WHERE reference IS NOT NULL;
CREATE INDEX requests_reference ON requests (reference, source) WHERE reference IS NOT NULL;

-- code is that of the decision that closed the transfer.
ALTER TABLE transfers
    ADD COLUMN reference text CHECK (length(reference) BETWEEN 1 AND 64),
    ADD COLUMN code      text CHECK (code IN ('not_ours', 'wrong_sims', 'wrong_account', 'duplicate', 'unexpected',
        'no_longer_needed', 'price', 'not_permitted', 'suspected_fraud', 'other')),
    ADD CHECK (code IS NULL OR state IN ('canceled', 'declined', 'denied'));
CREATE INDEX transfers_reference ON transfers (reference, request) WHERE reference IS NOT NULL;
ALTER TABLE withdrawn
    ADD COLUMN code text CHECK (code IN ('not_ours', 'wrong_sims', 'wrong_account', 'duplicate', 'unexpected',
        'no_longer_needed', 'price', 'not_permitted', 'suspected_fraud', 'other'));

-- The references of requests and batches that were to be the only ones of their
-- account. The key decides between two that are created at once.
CREATE TABLE unique_references (
    account   bigint NOT NULL,
    reference text NOT NULL,
    PRIMARY KEY (account, reference)
);

-- source is null for a comment that the source does not see.
ALTER TABLE events
    DROP CONSTRAINT events_kind_check,
    ADD CONSTRAINT events_kind_check CHECK (kind IN ('create', 'validate', 'reject', 'review', 'offer', 'approve', 'deny', 'accept',
        'decline', 'cancel', 'expire', 'execute', 'drop_sessions', 'release', 'finish', 'retry', 'comment'));
