-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads an entry of the fee schedule.
-- Given:    @method, @currency and @valid_from of the entry.
-- Returns:  The entry.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_fee(method, currency, valid_from);
PREPARE select_fee AS
SELECT
	f.method,
	f.currency,
	f.valid_from,
	f.amount,
	f.valid_from <= clock_timestamp() AND NOT EXISTS (
		SELECT 1
		FROM fees g
		WHERE g.method = f.method AND g.currency = f.currency
		  AND g.valid_from > f.valid_from AND g.valid_from <= clock_timestamp()
	) AS current
FROM fees f
WHERE f.method = $1 /*method*/ AND f.currency = $2 /*currency*/ AND f.valid_from = $3 /*valid_from*/;
