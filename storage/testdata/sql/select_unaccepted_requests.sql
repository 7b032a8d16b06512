-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists requests that an account sends or receives and that can still be ended, oldest first.
-- Given:    @account.
-- Returns:  Their ids.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_unaccepted_requests(account);
PREPARE select_unaccepted_requests AS
SELECT id
FROM requests
WHERE (source = $1 /*account*/ OR destination = $1 /*account*/) AND state IN ('validating', 'in_review', 'awaiting_acceptance', 'scheduled')
ORDER BY id;
