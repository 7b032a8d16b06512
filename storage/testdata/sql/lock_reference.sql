-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks a reference of an account that was to be unique.
-- Given:    @account and the @reference.
-- Returns:  The reference; no row if it was not to be unique.
-- Locks:    Takes the reference.
--
-- EXPLAIN EXECUTE lock_reference(account, reference);
PREPARE lock_reference AS
SELECT reference
FROM unique_references
WHERE account = $1 /*account*/ AND reference = $2 /*reference*/
FOR UPDATE;
