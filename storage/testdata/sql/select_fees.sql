-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the fee schedule and the prices of accounts.
-- Given:    @account: only its prices, and the schedule in its currency; 0: everything. @id: only this entry; 0: all.
--           With @account, current is the entry from which the account's fees are quoted now.
-- Returns:  The entries, by method and currency, the schedule before the prices, the newest of each first.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_fees(account, id);
PREPARE select_fees AS
WITH entries AS (
	SELECT
		f.*,
		f.valid_from = max(f.valid_from) FILTER (WHERE f.valid_from <= clock_timestamp()) OVER (PARTITION BY f.method, f.currency, f.account) AS latest
	FROM fee_entries f
	WHERE $1 /*account*/ = 0 OR f.account = $1 /*account*/ OR f.account IS NULL AND f.currency = (SELECT currency FROM accounts WHERE id = $1 /*account*/)
)
SELECT
	f.id,
	f.method,
	f.currency,
	f.valid_from,
	coalesce(f.amount, 0) AS amount,
	f.amount IS NULL AS follows_schedule,
	coalesce(f.latest, false) AND NOT ($1 /*account*/ <> 0 AND f.account IS NULL AND EXISTS (
		SELECT 1
		FROM entries own
		WHERE own.account IS NOT NULL AND own.method = f.method AND own.latest AND own.amount IS NOT NULL
	)) AS current,
	coalesce(f.account, 0) AS account,
	a.operator_id,
	a.external_id
FROM entries f
LEFT JOIN accounts a ON a.id = f.account
WHERE $2 /*id*/ = 0 OR f.id = $2 /*id*/
ORDER BY f.method, f.currency, a.operator_id NULLS FIRST, f.valid_from DESC;
