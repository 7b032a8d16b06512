-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads a plan.
-- Given:    @name of the plan.
-- Returns:  The plan; none if it does not exist.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_plan(name);
PREPARE select_plan AS
SELECT
	p.name,
	p.coverage_bound,
	coalesce((
		SELECT json_agg(json_build_object('minor', m.monthly, 'currency', m.currency) ORDER BY m.currency)
		FROM plan_prices m
		WHERE m.plan = p.name
	), '[]') AS monthly_prices
FROM plans p
WHERE p.name = $1 /*name*/;
