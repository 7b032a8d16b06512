-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks up accounts by email and operator id.
-- Given:    @emails in lower case, and as many @operator_ids: the n-th of one and the n-th of the other
--           name an account.
-- Returns:  The accounts of which both are right, each with nth, its place in the lists, from 1.
-- Locks:    nothing
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE select_destinations(emails, operator_ids);
PREPARE select_destinations AS
SELECT
	p.nth,
	a.id,
	a.operator_id,
	a.email,
	a.currency,
	a.coverage,
	a.standing,
	a.max_open_requests,
	a.max_open_sims,
	a.max_unknown_sims,
	a.created_at
FROM unnest($1 /*emails*/::text[], $2 /*operator_ids*/::text[]) WITH ORDINALITY AS p (email, operator_id, nth)
JOIN accounts a USING (operator_id, email);
