-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Withdraws an entry of the fee schedule, or a price of an account, that is not valid yet.
-- Given:    @id of the entry.
-- Returns:  The id of the entry; none if it is valid already.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE delete_fee(id);
PREPARE delete_fee AS
WITH schedule AS (
	DELETE FROM fees
	WHERE id = $1 /*id*/ AND valid_from > clock_timestamp()
	RETURNING id
), price AS (
	DELETE FROM account_fees
	WHERE id = $1 /*id*/ AND valid_from > clock_timestamp()
	RETURNING id
)
SELECT id FROM schedule
UNION ALL
SELECT id FROM price;
