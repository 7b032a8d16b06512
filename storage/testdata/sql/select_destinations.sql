-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks up accounts by email and operator id.
-- Given:    @emails in lower case, and as many @accounts, each an operator id, or ext: and an external id: the
--           n-th of one and the n-th of the other name an account.
-- Returns:  The accounts of which both are right, each with nth, its place in the lists, from 1.
-- Locks:    nothing
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE select_destinations(emails, accounts);
PREPARE select_destinations AS
SELECT
	p.nth,
	a.id,
	a.operator_id,
	a.email,
	a.currency,
	a.coverage,
	a.standing,
	a.name,
	a.external_id,
	a.contacts,
	a.plans,
	a.landing,
	a.max_open_requests,
	a.max_open_sims,
	a.max_unknown_sims,
	a.created_at
FROM unnest($1 /*emails*/::text[], $2 /*accounts*/::text[]) WITH ORDINALITY AS p (email, ref, nth)
JOIN accounts a ON a.email = p.email AND a.operator_id = CASE WHEN p.ref LIKE 'ext:%' THEN (SELECT x.operator_id FROM accounts x WHERE x.external_id = substr(p.ref, 5)) ELSE p.ref END;
