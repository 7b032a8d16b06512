-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads a pull request as an account or support sees it.
-- Given:    @pull, and @viewer: the account that reads, 0: support.
-- Returns:  The pull request; no row if the account does not see one.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_pull(viewer, pull);
PREPARE select_pull AS
SELECT
	p.id,
	a.operator_id AS asker,
	a.name AS asker_name,
	p.asker = $1 /*viewer*/ AS outgoing,
	coalesce(o.decision, CASE
		WHEN p.canceled_at IS NOT NULL THEN 'canceled'
		WHEN p.expires_at <= clock_timestamp() THEN 'expired'
		ELSE 'open'
	END) AS state,
	CASE
		WHEN o.pull IS NULL THEN cardinality(p.iccids)
		WHEN o.decision IS NULL THEN (SELECT count(*) FROM sims s WHERE s.id = ANY (o.sims) AND s.account = o.owner)
		ELSE cardinality(o.sims)
	END AS size,
	p.reference,
	p.message,
	p.created_at,
	p.expires_at,
	coalesce(o.decided_at, p.canceled_at) AS ended_at,
	ARRAY(
		SELECT made.request::text
		FROM pull_owners made
		JOIN requests r ON r.id = made.request
		WHERE made.pull = p.id
		  AND ($1 /*viewer*/ = 0 OR made.owner = $1 /*viewer*/ OR p.asker = $1 /*viewer*/ AND r.offered_at IS NOT NULL)
		ORDER BY made.request
	) AS requests
FROM pulls p
JOIN accounts a ON a.id = p.asker
LEFT JOIN pull_owners o ON o.pull = p.id AND o.owner = $1 /*viewer*/
WHERE ($1 /*viewer*/ = 0 OR p.asker = $1 /*viewer*/ OR o.decision IS NOT NULL
	OR EXISTS (SELECT 1 FROM sims s WHERE s.id = ANY (o.sims) AND s.account = o.owner)) AND p.id = $2 /*pull*/;
