-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the fees charged for transfers of a SIM, newest first.
-- Given:    @sim: the id of the SIM; @limit: maximum number of rows.
-- Returns:  The charges.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_charges(sim, limit);
PREPARE select_charges AS
SELECT
	c.request,
	a.operator_id,
	a.external_id AS account_external_id,
	c.amount,
	c.currency,
	c.charged_at
FROM transfers t
JOIN charges c ON c.request = t.request AND c.n = t.n
JOIN accounts a ON a.id = c.account
WHERE t.identifier IN (SELECT identifier FROM identifiers WHERE sim = $1 /*sim*/ UNION SELECT identifier FROM former_identifiers WHERE sim = $1 /*sim*/) AND t.sim = $1 /*sim*/
ORDER BY c.charged_at DESC
LIMIT $2 /*limit*/;
