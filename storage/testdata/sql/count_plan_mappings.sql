-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Counts the mappings of plans of an account.
-- Given:    @account: its id.
-- Returns:  How many there are.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE count_plan_mappings(account);
PREPARE count_plan_mappings AS
SELECT count(*) FROM plan_mappings WHERE account = $1 /*account*/;
