-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks an account.
-- Given:    @account: its operator id, or ext: and its external id.
-- Returns:  The account; none if it does not exist.
-- Locks:    Takes the account.
--
-- EXPLAIN EXECUTE lock_account(account);
PREPARE lock_account AS
SELECT
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
FROM accounts a
WHERE a.operator_id = CASE WHEN $1 /*account*/::text LIKE 'ext:%' THEN (SELECT x.operator_id FROM accounts x WHERE x.external_id = substr($1 /*account*/::text, 5)) ELSE $1 /*account*/::text END
FOR NO KEY UPDATE;
