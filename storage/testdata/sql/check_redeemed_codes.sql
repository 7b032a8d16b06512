-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: a redeemed transfer code has its request from its source, with its SIMs, and was redeemed in time.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_redeemed_codes;
PREPARE check_redeemed_codes AS
SELECT format('transfer code %s of account %s with %s SIMs was redeemed at %s, and request %s sends %s SIMs from account %s',
	c.id, c.source, c.size, c.redeemed_at, c.request, r.size, r.source)
FROM transfer_codes c
LEFT JOIN requests r ON r.id = c.request
WHERE c.redeemed_at IS NOT NULL
  AND ((r.source, r.size) IS DISTINCT FROM (c.source, c.size) OR c.redeemed_at > c.expires_at + interval '1 minute')
UNION ALL
SELECT format('transfer %s/%s is of SIM %s, which transfer code %s does not have', t.request, t.n, t.identifier, c.id)
FROM transfer_codes c
JOIN transfers t ON t.request = c.request
WHERE t.identifier <> ALL (c.identifiers)			UNION ALL
SELECT format('request %s comes of both a pull request and a transfer code', c.request)
FROM transfer_codes c
JOIN pull_owners o ON o.request = c.request;
