-- +goose Up

-- What a SIM on a plan costs a month, by currency, in the currency's minor unit.
-- A plan without a price in a currency has none there.
CREATE TABLE plan_prices (
    plan     text NOT NULL REFERENCES plans,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    monthly  bigint NOT NULL CHECK (monthly BETWEEN 0 AND 1000000000000),
    PRIMARY KEY (plan, currency)
);
