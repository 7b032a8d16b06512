-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the first request of an account with a reference.
-- Given:    @account and the @reference.
-- Returns:  Its id and its batch; no row if there is none.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_referenced(reference, account);
PREPARE select_referenced AS
SELECT id, batch
FROM requests
WHERE reference = $1 /*reference*/ AND source = $2 /*account*/
ORDER BY id
LIMIT 1;
