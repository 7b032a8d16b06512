-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Withdraws an entry of the fee schedule that is not valid yet.
-- Given:    @method, @currency and @valid_from of the entry.
-- Returns:  The amount of the entry in minor units; none if there is no such entry, or if it is valid already.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE delete_fee(method, currency, valid_from);
PREPARE delete_fee AS
DELETE FROM fees
WHERE method = $1 /*method*/ AND currency = $2 /*currency*/ AND valid_from = $3 /*valid_from*/ AND valid_from > clock_timestamp()
RETURNING amount;
