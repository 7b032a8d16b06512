-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: a webhook or a mail about an event goes to an account that sees the event, or to staff.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_messages;
PREPARE check_messages AS
SELECT format('%s %s goes to account %s and is about event %s, which %s', m.what, m.id, m.account, m.event,
	CASE WHEN e.id IS NULL THEN 'does not exist' ELSE 'the account does not see' END)
FROM (
	SELECT 'message' AS what, id, account, event FROM messages
	UNION ALL
	SELECT 'mail', id, account, event FROM mails
) m
LEFT JOIN events e ON e.id = substring(m.event FROM '^[0-9]+-([0-9]+)$')::bigint AND e.tx::text = split_part(m.event, '-', 1)
WHERE m.event ~ '^[0-9]+-[0-9]+$' -- others are about changes, keys, sign-ins, contacts and webhooks
  AND (e.id IS NULL OR m.account NOT IN (coalesce(e.source, 0), coalesce(e.destination, 0)));
