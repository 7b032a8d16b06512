-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: a transferred SIM arrived on a plan that its account could hold then, as far as the audit trail says which plans these were.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_landed_plans;
PREPARE check_landed_plans AS
WITH lists AS MATERIALIZED (
	SELECT account, plans, coalesce(lag(until) OVER (PARTITION BY account ORDER BY until), '-infinity') AS since, until
	FROM (
		SELECT account, at AS until, before->'plans' AS plans
		FROM audit
		WHERE action LIKE 'account.%' AND (before ? 'plans' OR after ? 'plans')
		UNION ALL
		SELECT id, 'infinity', to_jsonb(nullif(plans, '{}'))
		FROM accounts
	) held
)
SELECT format('transfer %s/%s landed SIM %s on the plan %s, which account %s could not hold', g.request, g.n, g.sim, (g.after).plan, g.account)
FROM registrations g
WHERE g.request IS NOT NULL
  AND (g.after).plan IS NOT NULL
  AND g.since >= (SELECT coalesce(min(at), '-infinity') FROM audit) -- older entries were deleted
  AND g.account IN (SELECT account FROM lists WHERE plans IS NOT NULL)
  AND NOT EXISTS (
	SELECT 1
	FROM lists l
	WHERE l.account = g.account
	  AND l.since <= g.since
	  AND l.until > g.since - interval '1 minute' -- a change may have been recorded shortly before it was committed
	  AND (l.plans IS NULL OR l.plans ? (g.after).plan)
);
