-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks an account.
-- Given:    @operator_id of the account.
-- Returns:  The account; none if it does not exist.
-- Locks:    Takes the account.
--
-- EXPLAIN EXECUTE lock_account(operator_id);
PREPARE lock_account AS
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
WHERE a.operator_id = $1 /*operator_id*/
FOR NO KEY UPDATE;
