-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for what keeps an account from having an external id and plans.
-- Given:    @operator_id of the account; @external_id or null; @plans.
-- Returns:  The operator id of another account with the external id, null for none, and those of the plans that do not exist.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_account_conflicts(external_id, operator_id, plans);
PREPARE select_account_conflicts AS
SELECT
	(SELECT operator_id FROM accounts WHERE external_id = $1 /*external_id*/ AND operator_id <> $2 /*operator_id*/) AS taken,
	ARRAY(SELECT name FROM unnest($3 /*plans*/::text[]) AS name EXCEPT SELECT name FROM plans ORDER BY name) AS unknown;
