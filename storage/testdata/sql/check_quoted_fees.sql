-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: the fee of a support-assisted transfer is that of an entry that was in force for its source when it was quoted.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_quoted_fees;
PREPARE check_quoted_fees AS
SELECT format('transfer %s/%s was quoted %s in the minor unit of %s, which is that of none of the entries %s that its request names',
	q.request, q.n, q.fee, q.currency, q.fee_entries)
FROM (
	SELECT t.request, r.source, a.currency, r.fee_entries, t.fee, min(t.n) AS n
	FROM transfers t
	JOIN requests r ON r.id = t.request
	JOIN accounts a ON a.id = r.source
	WHERE t.method = 'support_assisted' AND t.fee IS NOT NULL AND r.fee_entries <> '{}' -- older requests name none
	GROUP BY t.request, r.source, a.currency, r.fee_entries, t.fee
) q
WHERE NOT EXISTS (
	SELECT 1
	FROM fee_entries e
	WHERE e.id = ANY (q.fee_entries)
	  AND (e.amount, e.currency) = (q.fee, q.currency)
	  AND coalesce(e.account, q.source) = q.source
)
UNION ALL
SELECT format('request %s was made at %s and quoted from the entry %s of %s, which the entry %s had replaced', r.id, r.created_at, e.id, e.valid_from, newer.id)
FROM requests r
CROSS JOIN LATERAL unnest(r.fee_entries) AS entry
JOIN fee_entries e ON e.id = entry
JOIN fee_entries newer ON newer.account IS NOT DISTINCT FROM e.account AND (newer.method, newer.currency) = (e.method, e.currency)
WHERE newer.valid_from > e.valid_from
  AND newer.valid_from < r.created_at - interval '1 minute' -- it may have been committed shortly after it became valid
UNION ALL
SELECT format('request %s was made at %s and quoted from the fee schedule, although account %s had the price %s', r.id, r.created_at, r.source, price.id)
FROM requests r
CROSS JOIN LATERAL unnest(r.fee_entries) AS entry
JOIN fee_entries e ON e.id = entry AND e.account IS NULL
JOIN LATERAL (
	SELECT p.id, p.amount
	FROM account_fees p
	WHERE p.account = r.source AND p.method = e.method AND p.valid_from < r.created_at - interval '1 minute'
	ORDER BY p.valid_from DESC
	LIMIT 1
) price ON price.amount IS NOT NULL
WHERE NOT EXISTS (
	SELECT 1
	FROM account_fees later
	WHERE later.account = r.source AND later.method = e.method AND later.amount IS NULL AND later.valid_from >= r.created_at - interval '1 minute'
);
