-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists plans by name.
-- Given:    nothing
-- Returns:  Every plan.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_plans;
PREPARE select_plans AS
SELECT
	p.name,
	p.coverage_bound,
	coalesce((
		SELECT json_agg(json_build_object('minor', m.monthly, 'currency', m.currency) ORDER BY m.currency)
		FROM plan_prices m
		WHERE m.plan = p.name
	), '[]') AS monthly_prices
FROM plans p
ORDER BY p.name;
