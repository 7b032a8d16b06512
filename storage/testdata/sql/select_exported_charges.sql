-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads the fees that were charged in a period, in the order of their requests and of submission.
-- Given:    @account that pays (0: any); @currency (empty: any); @since and @until: the beginning and the end of the
--           period (null: no limit).
-- Returns:  The charges with their transfers.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_exported_charges(account, currency, since, until);
PREPARE select_exported_charges AS
SELECT
	c.charged_at,
	a.operator_id,
	a.external_id AS account_external_id,
	dst.operator_id AS destination,
	dst.external_id AS destination_external_id,
	c.request,
	r.ticket,
	r.reference AS request_reference,
	t.reference,
	t.line,
	t.identifier,
	s.iccid,
	t.method,
	c.amount,
	c.currency
FROM charges c
LEFT JOIN transfers t ON t.request = c.request AND t.n = c.n
LEFT JOIN requests r ON r.id = c.request
LEFT JOIN accounts a ON a.id = c.account
LEFT JOIN accounts dst ON dst.id = r.destination
LEFT JOIN sims s ON s.id = t.sim
WHERE ($1 /*account*/::bigint = 0 OR c.account = $1 /*account*/)
  AND ($2 /*currency*/::text = '' OR c.currency = $2 /*currency*/)
  AND ($3 /*since*/::timestamptz IS NULL OR c.charged_at >= $3 /*since*/)
  AND ($4 /*until*/::timestamptz IS NULL OR c.charged_at < $4 /*until*/)
ORDER BY c.request, c.n;
