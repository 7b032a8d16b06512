-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the plans on which SIMs of a source can land at a destination that may hold some plans only.
-- Given:    @source and @destination: operator ids of accounts.
-- Returns:  The plans, and for each whether the source may hold it, too. None if the destination may hold any plan.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_plan_choices(source, destination);
PREPARE select_plan_choices AS
SELECT p.name, coalesce(p.name = ANY (nullif(src.plans, '{}')), true) AS for_source
FROM accounts src
CROSS JOIN accounts dst
JOIN plans p ON p.name = ANY (dst.plans)
WHERE src.operator_id = $1 /*source*/
  AND dst.operator_id = $2 /*destination*/
  AND NOT (p.coverage_bound AND src.coverage <> dst.coverage)
ORDER BY p.name;
