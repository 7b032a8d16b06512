-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reports whether a plan exists, and whether an account may hold it.
-- Given:    @plan: its name; @account.
-- Returns:  Both, and the operator id of the account.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_plan_of(plan, account);
PREPARE select_plan_of AS
SELECT
	a.operator_id,
	EXISTS (SELECT 1 FROM plans WHERE name = $1 /*plan*/) AS known,
	coalesce($1 /*plan*/ = ANY (nullif(a.plans, '{}')), true) AS available
FROM accounts a
WHERE a.id = $2 /*account*/;
