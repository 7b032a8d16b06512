-- +goose Up

-- external_id is the account's id in the operator's own systems. contacts has
-- email addresses by purpose, such as {"billing": ["a@example.com"]}. plans are
-- those that the account may hold; none: any.
ALTER TABLE accounts
    ADD COLUMN name        text CHECK (length(name) BETWEEN 1 AND 200),
    ADD COLUMN external_id text UNIQUE CHECK (length(external_id) BETWEEN 1 AND 128),
    ADD COLUMN contacts    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(contacts) = 'object'),
    ADD COLUMN plans       text[] NOT NULL DEFAULT '{}' CHECK (cardinality(plans) <= 500);

ALTER TABLE transfers
    DROP CONSTRAINT transfers_reason_check,
    ADD CONSTRAINT transfers_reason_check CHECK (reason IN ('sim_not_found', 'sim_terminated', 'already_transferring', 'needs_support',
        'plan_not_transferable', 'plan_not_available', 'sim_locked', 'status_changed', 'owner_changed', 'account_closed',
        'session_not_dropped', 'internal_error'));

-- The price of an account: it overrides the fee schedule, from valid_from until
-- the account's next entry. Without an amount, the account pays what the schedule
-- says. A table of its own, so that a worker of the previous version does not take
-- a price for an entry of the schedule.
CREATE SEQUENCE fee_entry_ids AS integer;
ALTER TABLE fees ADD COLUMN id integer NOT NULL UNIQUE DEFAULT nextval('fee_entry_ids');
CREATE TABLE account_fees (
    id         integer NOT NULL UNIQUE DEFAULT nextval('fee_entry_ids'),
    account    bigint NOT NULL REFERENCES accounts,
    method     text NOT NULL CHECK (method IN ('self_service', 'support_assisted')),
    valid_from timestamptz NOT NULL DEFAULT clock_timestamp()
        CHECK (valid_from >= '0001-01-01 00:00:00+00' AND valid_from < '10000-01-01 00:00:00+00'),
    amount     bigint CHECK (amount BETWEEN 0 AND 1000000000000),
    PRIMARY KEY (account, method, valid_from),
    CHECK (method <> 'self_service' OR amount = 0)
);
CREATE VIEW fee_entries AS
    SELECT id, NULL::bigint AS account, method, currency, valid_from, amount
    FROM fees
    UNION ALL
    SELECT f.id, f.account, f.method, a.currency, f.valid_from, f.amount
    FROM account_fees f
    JOIN accounts a ON a.id = f.account;

-- The entries from which the fees of a request were quoted: nearly always one.
ALTER TABLE requests ADD COLUMN fee_entries integer[] NOT NULL DEFAULT '{}';
