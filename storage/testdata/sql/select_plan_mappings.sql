-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the mappings of plans of an account: first the one for any source, then by source.
-- Given:    @account: its id.
-- Returns:  The mappings.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_plan_mappings(account);
PREPARE select_plan_mappings AS
SELECT source, plans, default_plan, updated_at
FROM plan_mappings
WHERE account = $1 /*account*/
ORDER BY source;
