-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Adds an entry to the fee schedule.
-- Given:    @method, @currency, @valid_from (null: now) and @amount in minor units.
-- Returns:  The id of the entry; none if there is an entry for the same instant.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE insert_fee(method, currency, valid_from, amount);
PREPARE insert_fee AS
INSERT INTO fees (method, currency, valid_from, amount)
VALUES ($1 /*method*/, $2 /*currency*/, coalesce($3 /*valid_from*/, clock_timestamp()), $4 /*amount*/)
ON CONFLICT DO NOTHING
RETURNING id;
