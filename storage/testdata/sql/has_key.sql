-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds out whether an API key acts for an account.
-- Given:    @account, and @id of the key.
-- Returns:  True or false.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE has_key(id, account);
PREPARE has_key AS
SELECT EXISTS (SELECT 1 FROM api_keys WHERE id = $1 /*id*/ AND account = $2 /*account*/);
