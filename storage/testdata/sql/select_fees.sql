-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the fee schedule.
-- Given:    nothing
-- Returns:  Every entry, by method and currency, the newest first.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_fees;
PREPARE select_fees AS
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
ORDER BY f.method, f.currency, f.valid_from DESC;
