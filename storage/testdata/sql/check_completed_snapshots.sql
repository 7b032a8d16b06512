-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: the snapshots of a completed transfer match the policy of its method and the landing profile.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_completed_snapshots;
PREPARE check_completed_snapshots AS
SELECT format('transfer %s/%s (%s) has the snapshots %s and %s', t.request, t.n, t.method, g.before, g.after)
FROM transfers t
JOIN requests r ON r.id = t.request
JOIN registrations g ON g.request = t.request AND g.n = t.n AND g.sim = t.sim
WHERE t.state = 'completed'
  AND (g.before IS NOT DISTINCT FROM NULL OR g.after IS DISTINCT FROM ROW(
	CASE t.method WHEN 'self_service' THEN '{}'::jsonb ELSE (g.before).tags END || coalesce(r.landing -> 'tags', '{}'),
	CASE t.method WHEN 'self_service' THEN NULL::timestamptz ELSE (g.before).expiration END,
	CASE t.method WHEN 'self_service' THEN false ELSE (g.before).termination_protection END,
	coalesce(r.landing ->> 'sim_group', NULL::text),
	'[]'::jsonb,
	coalesce(r.landing ->> 'speed_class', NULL::text),
	(g.before).containers,
	CASE t.method WHEN 'self_service' THEN NULL::text ELSE (g.before).imei_lock END,
	coalesce(r.landing ->> 'plan', r.landing -> 'plans' ->> (g.before).plan, r.landing ->> 'default_plan', (g.before).plan)
)::sim_settings);
