-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: a completed transfer was charged once, to the source, with its fee; not at all if it is free.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_completed_charges;
PREPARE check_completed_charges AS
SELECT format('transfer %s/%s has the fee %s in the minor unit of %s, but %s in that of %s was charged to account %s', t.request, t.n,
	CASE t.method WHEN 'support_assisted' THEN coalesce(r.fee_override, t.fee) ELSE t.fee END, src.currency, c.amount, c.currency, c.account)
FROM transfers t
JOIN requests r ON r.id = t.request
JOIN accounts src ON src.id = r.source
LEFT JOIN charges c ON c.request = t.request AND c.n = t.n
WHERE t.state = 'completed'
  AND (coalesce(c.amount, 0), coalesce(c.account, r.source), coalesce(c.currency, src.currency)) IS DISTINCT FROM
      (CASE t.method WHEN 'support_assisted' THEN coalesce(r.fee_override, t.fee) ELSE t.fee END, r.source, src.currency);
