-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists transfer codes, the latest first.
-- Given:    @source (0: any), @states (null: any), @reference (empty: any), @before: only codes with lower ids (null:
--           all). The maximum number of rows: @limit.
-- Returns:  The codes.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_transfer_codes(source, reference, before, states, limit);
PREPARE select_transfer_codes AS
SELECT
	c.id,
	a.operator_id AS source,
	c.source AS source_id,
	CASE
		WHEN c.redeemed_at IS NOT NULL THEN 'redeemed'
		WHEN c.revoked_at IS NOT NULL THEN 'revoked'
		WHEN c.expires_at <= clock_timestamp() THEN 'expired'
		ELSE 'open'
	END AS state,
	c.size,
	c.self_service_only,
	extract(epoch FROM c.acceptance)::bigint AS acceptance,
	c.reference,
	c.message,
	c.created_at,
	c.expires_at,
	c.revoked_at,
	c.redeemed_at,
	c.request,
	d.operator_id AS destination
FROM transfer_codes c
JOIN accounts a ON a.id = c.source
LEFT JOIN requests r ON r.id = c.request
LEFT JOIN accounts d ON d.id = r.destination
WHERE ($1 /*source*/::bigint = 0 OR c.source = $1 /*source*/)
  AND ($2 /*reference*/ = '' OR c.reference = $2 /*reference*/)
  AND ($3 /*before*/::uuid IS NULL OR c.id < $3 /*before*/)
  AND ($4 /*states*/::text[] IS NULL OR CASE
		WHEN c.redeemed_at IS NOT NULL THEN 'redeemed'
		WHEN c.revoked_at IS NOT NULL THEN 'revoked'
		WHEN c.expires_at <= clock_timestamp() THEN 'expired'
		ELSE 'open'
	END = ANY ($4 /*states*/))
ORDER BY c.id DESC
LIMIT $5 /*limit*/;
