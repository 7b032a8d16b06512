-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads an account.
-- Given:    @operator_id of the account.
-- Returns:  The account; none if it does not exist.
-- Locks:    nothing
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE select_account(operator_id);
PREPARE select_account AS
SELECT
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
FROM accounts a
WHERE a.operator_id = $1 /*operator_id*/;
