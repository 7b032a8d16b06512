-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates a plan, or changes the one with the same name.
-- Given:    @name and @coverage_bound of the plan. Its prices: @currencies, and as many amounts in minor units, @monthly.
-- Returns:  nothing
-- Locks:    The caller holds the plan if it exists.
--
-- EXPLAIN EXECUTE put_plan(name, coverage_bound, currencies, monthly);
PREPARE put_plan AS
WITH made AS (
	INSERT INTO plans (name, coverage_bound)
	VALUES ($1 /*name*/, $2 /*coverage_bound*/)
	ON CONFLICT (name) DO UPDATE
	SET coverage_bound = excluded.coverage_bound
), removed AS (
	DELETE FROM plan_prices
	WHERE plan = $1 /*name*/ AND currency <> ALL ($3 /*currencies*/::text[])
)
INSERT INTO plan_prices (plan, currency, monthly)
SELECT $1 /*name*/, u.currency, u.monthly
FROM unnest($3 /*currencies*/::text[], $4 /*monthly*/::bigint[]) AS u (currency, monthly)
ON CONFLICT (plan, currency) DO UPDATE
SET monthly = excluded.monthly;
