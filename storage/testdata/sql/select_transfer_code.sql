-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads a transfer code.
-- Given:    @id.
-- Returns:  The code; no row if there is none.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_transfer_code(id);
PREPARE select_transfer_code AS
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
WHERE c.id = $1 /*id*/;
