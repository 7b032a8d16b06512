-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Adds up what the plans on which the open SIMs of a request land cost a month.
-- Given:    @request.
-- Returns:  The sum in the currency of the destination, and how many SIMs have a price and how many have none.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE sum_monthly(request);
PREPARE sum_monthly AS
WITH r AS MATERIALIZED (
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
	WHERE r.id = $1 /*request*/
), held AS (
	SELECT s.plan, count(*) AS n
	FROM transfers t
	JOIN sims s ON s.id = t.sim
	WHERE t.request = $1 /*request*/ AND t.state = 'eligible'
	GROUP BY s.plan
)
SELECT
	r.currency,
	coalesce(sum(held.n * m.monthly), 0)::bigint AS monthly,
	coalesce(sum(held.n) FILTER (WHERE m.monthly IS NOT NULL), 0) AS priced,
	coalesce(sum(held.n) FILTER (WHERE m.monthly IS NULL), 0) AS unpriced
FROM r
LEFT JOIN held ON true
LEFT JOIN plan_prices m ON m.plan = coalesce(r.landing ->> 'plan', r.landing -> 'plans' ->> held.plan, r.landing ->> 'default_plan', held.plan) AND m.currency = r.currency
GROUP BY r.currency;
