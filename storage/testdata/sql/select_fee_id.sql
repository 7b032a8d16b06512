-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for an entry of the fee schedule, or a price of an account.
-- Given:    @account, 0 for an entry of the schedule; @method, @currency and @valid_from of the entry.
-- Returns:  The id of the entry.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_fee_id(account, method, currency, valid_from);
PREPARE select_fee_id AS
SELECT id
FROM fee_entries
WHERE coalesce(account, 0) = $1 /*account*/ AND method = $2 /*method*/ AND currency = $3 /*currency*/ AND valid_from = $4 /*valid_from*/;
