-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads transfers.
-- Given:    @requests and as many @numbers: the n-th of one and the n-th of the other name a transfer.
--           @arrivals: with how the SIMs of open transfers arrive.
-- Returns:  The transfers in the same order.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_results(arrivals, requests, numbers);
PREPARE select_results AS
WITH arriving AS MATERIALIZED (
	SELECT
		r.id,
		dst.currency,
		CASE
			WHEN r.landing IS NULL AND r.state IN ('validating', 'in_review', 'awaiting_acceptance')
			THEN coalesce(dst.landing, '{}') || coalesce(mapped.landing, '{}')
			ELSE r.landing
		END AS landing
	FROM requests r
	JOIN accounts src ON src.id = r.source
	JOIN accounts dst ON dst.id = r.destination
	LEFT JOIN LATERAL (
		SELECT jsonb_strip_nulls(jsonb_build_object(
			'plans', CASE WHEN pair.default_plan IS NULL THEN coalesce(general.plans, '{}') ELSE '{}' END || coalesce(pair.plans, '{}'),
			'default_plan', coalesce(pair.default_plan, general.default_plan))) AS landing
		FROM (SELECT dst.id AS account, src.operator_id AS source) of
		LEFT JOIN plan_mappings pair ON pair.account = of.account AND pair.source = of.source
		LEFT JOIN plan_mappings general ON general.account = of.account AND general.source = ''
		WHERE pair.account IS NOT NULL OR general.account IS NOT NULL
	) mapped ON true
	WHERE $1 /*arrivals*/ AND r.id = ANY ($2 /*requests*/::uuid[])
)
SELECT
	t.n,
	t.line,
	t.identifier,
	s.iccid,
	t.state,
	t.method,
	t.reason,
	CASE t.method WHEN 'support_assisted' THEN coalesce(r.fee_override, t.fee) ELSE t.fee END AS fee,
	t.session_dropped,
	t.gateway_answer,
	t.reference,
	t.code,
	t.finished_at,
	CASE WHEN t.state = 'eligible' AND r.finished_at IS NULL THEN s.status END AS status,
	CASE WHEN t.state = 'eligible' AND r.finished_at IS NULL THEN s.plan END AS plan,
	coming.arrival
FROM unnest($2 /*requests*/::uuid[], $3 /*numbers*/::int[]) WITH ORDINALITY AS u (request, n, nth)
JOIN transfers t ON t.request = u.request AND t.n = u.n
JOIN requests r ON r.id = t.request
LEFT JOIN sims s ON s.id = t.sim
LEFT JOIN LATERAL (
	SELECT jsonb_build_object(
		'plan', coalesce(r.landing ->> 'plan', r.landing -> 'plans' ->> s.plan, r.landing ->> 'default_plan', s.plan),
		'monthly', (SELECT m.monthly FROM plan_prices m WHERE m.plan = coalesce(r.landing ->> 'plan', r.landing -> 'plans' ->> s.plan, r.landing ->> 'default_plan', s.plan) AND m.currency = r.currency),
		'currency', r.currency,
		'online', EXISTS (SELECT 1 FROM radius.radacct a WHERE a.sim = t.sim AND a.acctstoptime IS NULL),
		'settings', jsonb_build_object(
			'tags', CASE t.method WHEN 'self_service' THEN '{}'::jsonb ELSE '{}'::jsonb END || coalesce(r.landing -> 'tags', '{}'),
			'expiration', CASE t.method WHEN 'self_service' THEN NULL::timestamptz ELSE s.expiration END,
			'termination_protection', CASE t.method WHEN 'self_service' THEN false ELSE s.termination_protection END,
			'sim_group', coalesce(r.landing ->> 'sim_group', NULL::text),
			'event_handlers', '[]'::jsonb,
			'speed_class', coalesce(r.landing ->> 'speed_class', NULL::text),
			'containers', s.containers,
			'imei_lock', CASE t.method WHEN 'self_service' THEN NULL::text ELSE NULL::text END
		)
	) AS arrival
	FROM arriving r
	WHERE r.id = t.request AND t.state = 'eligible'
) coming ON true
ORDER BY u.nth;
