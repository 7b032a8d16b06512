-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists pull requests as an account or support sees them, the latest first.
-- Given:    @viewer: the account that lists, 0: support. @incoming and @outgoing: only those that ask the viewer,
--           or that the viewer asks. @account that asks (0: any). @states as the viewer knows them (null: any).
--           @before: only pull requests with lower ids (null: all). The maximum number of rows: @limit.
-- Returns:  The pull requests.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_pulls(viewer, account, before, incoming, outgoing, states, limit);
PREPARE select_pulls AS
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
	OR EXISTS (SELECT 1 FROM sims s WHERE s.id = ANY (o.sims) AND s.account = o.owner))
  AND ($1 /*viewer*/ = 0 OR p.id IN (SELECT id FROM pulls WHERE asker = $1 /*viewer*/ UNION ALL SELECT pull FROM pull_owners WHERE owner = $1 /*viewer*/))
  AND ($2 /*account*/::bigint = 0 OR p.asker = $2 /*account*/)
  AND ($3 /*before*/::uuid IS NULL OR p.id < $3 /*before*/)
  AND (NOT $4 /*incoming*/::boolean OR p.asker <> $1 /*viewer*/)
  AND (NOT $5 /*outgoing*/::boolean OR p.asker = $1 /*viewer*/)
  AND ($6 /*states*/::text[] IS NULL OR coalesce(o.decision, CASE
		WHEN p.canceled_at IS NOT NULL THEN 'canceled'
		WHEN p.expires_at <= clock_timestamp() THEN 'expired'
		ELSE 'open'
	END) = ANY ($6 /*states*/))
ORDER BY p.id DESC
LIMIT $7 /*limit*/;
