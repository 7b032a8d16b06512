-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Replaces the email of an account by one that reaches no one, and removes its name and contacts.
-- Given:    @account.
-- Returns:  nothing
-- Locks:    The caller holds the account.
--
-- EXPLAIN EXECUTE erase_account(account);
PREPARE erase_account AS
UPDATE accounts
SET email = 'erased-' || lower(operator_id) || '@erased.invalid', name = NULL, contacts = '{}'
WHERE id = $1 /*account*/;
