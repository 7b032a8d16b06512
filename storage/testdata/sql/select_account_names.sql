-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads what accounts are called, and their currencies.
-- Given:    @accounts: their operator ids.
-- Returns:  A row for each that exists, by operator id.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_account_names(accounts);
PREPARE select_account_names AS
SELECT a.operator_id, a.name, a.external_id, a.currency
FROM accounts a
WHERE a.operator_id = ANY ($1 /*accounts*/::text[])
ORDER BY a.operator_id;
