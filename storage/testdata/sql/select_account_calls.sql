-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the events that the keys of an account have caused, oldest first.
-- Given:    @account.
-- Returns:  The events with the addresses of the callers.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_account_calls(account);
PREPARE select_account_calls AS
SELECT e.at, e.request, e.kind, e.api_key, e.address, e.detail
FROM events e
WHERE (e.source = $1 /*account*/ OR e.destination = $1 /*account*/)
  AND e.api_key IN (SELECT id FROM api_keys WHERE account = $1 /*account*/)
ORDER BY e.id;
