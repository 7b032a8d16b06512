-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Adds up the fees that were charged in a period, to each account and for each currency, in one pass.
-- Given:    @account that pays (0: any); @currency (empty: any); @since and @until: the beginning and the end of the
--           period (null: no limit); @after: only accounts with a greater operator id; @limit: maximum number of accounts.
-- Returns:  The totals by currency, without an operator id, of all accounts that match; then those by operator id.
--           An account has one currency.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_charge_totals(account, currency, since, until, after, limit);
PREPARE select_charge_totals AS
WITH paid AS MATERIALIZED (
	SELECT c.account, c.currency, count(*) AS n, sum(c.amount) AS amount
	FROM charges c
	WHERE ($1 /*account*/::bigint = 0 OR c.account = $1 /*account*/)
  AND ($2 /*currency*/::text = '' OR c.currency = $2 /*currency*/)
  AND ($3 /*since*/::timestamptz IS NULL OR c.charged_at >= $3 /*since*/)
  AND ($4 /*until*/::timestamptz IS NULL OR c.charged_at < $4 /*until*/)
	GROUP BY c.account, c.currency
)
SELECT '' AS operator_id, NULL AS account_external_id, NULL AS name, currency, sum(n)::bigint AS n, sum(amount)::bigint AS amount
FROM paid
GROUP BY currency
UNION ALL
(
	SELECT a.operator_id, a.external_id, a.name, p.currency, p.n, p.amount::bigint
	FROM paid p
	JOIN accounts a ON a.id = p.account
	WHERE a.operator_id > $5 /*after*/
	ORDER BY a.operator_id
	LIMIT $6 /*limit*/
)
ORDER BY operator_id, currency;
