-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Deletes a mapping of plans of an account.
-- Given:    @account: its id; @source: an operator id, empty for any source.
-- Returns:  nothing
-- Locks:    The caller holds the account.
--
-- EXPLAIN EXECUTE delete_plan_mapping(account, source);
PREPARE delete_plan_mapping AS
DELETE FROM plan_mappings WHERE account = $1 /*account*/ AND source = $2 /*source*/;
