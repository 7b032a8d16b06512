-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Adds a price of an account.
-- Given:    @account, @method, @valid_from (null: now) and @amount in minor units (null: as the schedule says).
-- Returns:  The id of the entry; none if there is an entry for the same instant.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE insert_account_fee(account, method, valid_from, amount);
PREPARE insert_account_fee AS
INSERT INTO account_fees (account, method, valid_from, amount)
VALUES ($1 /*account*/, $2 /*method*/, coalesce($3 /*valid_from*/, clock_timestamp()), $4 /*amount*/)
ON CONFLICT DO NOTHING
RETURNING id;
