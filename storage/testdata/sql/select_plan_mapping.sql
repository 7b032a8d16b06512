-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads a mapping of plans of an account.
-- Given:    @account: its id; @source: an operator id, empty for any source.
-- Returns:  The mapping; none if there is none.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_plan_mapping(account, source);
PREPARE select_plan_mapping AS
SELECT source, plans, default_plan, updated_at
FROM plan_mappings
WHERE account = $1 /*account*/ AND source = $2 /*source*/;
