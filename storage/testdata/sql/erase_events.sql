-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Erases the addresses, the reasons and the comments of what an account's keys did to requests.
-- Given:    @account.
-- Returns:  nothing
-- Locks:    Takes the events.
--
-- EXPLAIN EXECUTE erase_events(account);
PREPARE erase_events AS
UPDATE events e
SET address = NULL,
	detail = (e.detail || CASE WHEN e.detail ? 'reason' THEN '{"reason": "[erased]"}' ELSE '{}' END::jsonb || CASE WHEN e.detail ? 'text' THEN '{"text": "[erased]"}' ELSE '{}' END::jsonb)
WHERE (e.source = $1 /*account*/ OR e.destination = $1 /*account*/)
	  AND e.api_key IN (SELECT id FROM api_keys WHERE account = $1 /*account*/)
  AND (e.address IS NOT NULL OR e.detail ?| '{reason,text}');
