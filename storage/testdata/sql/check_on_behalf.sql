-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: an acceptance by support names a reason and a ticket, and the request has both.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_on_behalf;
PREPARE check_on_behalf AS
SELECT format('event %s of request %s is an acceptance by the %s with %s, and the request has the reason %s and the ticket %s', e.seq, e.request, e.party, e.detail, r.on_behalf_reason, r.on_behalf_ticket)
FROM events e
JOIN requests r ON r.id = e.request
WHERE e.kind = 'accept'
  AND ((e.party = 'support') <> (e.detail ? 'on_behalf') OR (e.detail->>'reason', e.detail->>'ticket') IS DISTINCT FROM (r.on_behalf_reason, r.on_behalf_ticket))
UNION ALL
SELECT format('request %s was accepted on behalf of its destination without an event', r.id)
FROM requests r
WHERE r.on_behalf_reason IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM events e WHERE e.request = r.id AND e.kind = 'accept' AND e.party = 'support');
