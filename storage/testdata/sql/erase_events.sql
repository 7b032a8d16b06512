-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Erases the addresses and the reasons of what an account's keys did to requests.
-- Given:    @account.
-- Returns:  nothing
-- Locks:    Takes the events.
--
-- EXPLAIN EXECUTE erase_events(account);
PREPARE erase_events AS
UPDATE events e
SET address = NULL,
	detail = CASE WHEN e.detail ? 'reason' THEN e.detail || '{"reason": "[erased]"}' ELSE e.detail END
WHERE (e.source = $1 /*account*/ OR e.destination = $1 /*account*/)
	  AND e.api_key IN (SELECT id FROM api_keys WHERE account = $1 /*account*/)
  AND (e.address IS NOT NULL OR e.detail ? 'reason');
