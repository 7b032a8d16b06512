-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds plans, groups and tags that no SIM of an account has, among the first values of a filter.
-- Given:    @account (0: any), the @plans, the @groups and the @tags, each name=value, or only a name for any value. The maximum number of values to look at: @limit.
-- Returns:  The values, each with its field.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_unmatched_conditions(plans, groups, tags, limit, account);
PREPARE select_unmatched_conditions AS
SELECT u.field, u.value
FROM (
	SELECT 'plan' AS field, value FROM unnest($1 /*plans*/::text[]) AS value
	UNION ALL
	SELECT 'group', value FROM unnest($2 /*groups*/::text[]) AS value
	UNION ALL
	SELECT 'tag', value FROM unnest($3 /*tags*/::text[]) AS value
	LIMIT $4 /*limit*/
) u
WHERE NOT EXISTS (
	SELECT 1
	FROM sims s
	WHERE ($5 /*account*/ = 0 OR s.account = $5 /*account*/)
	  AND CASE
		WHEN u.field = 'plan' THEN s.plan = u.value
		WHEN u.field = 'group' THEN s.sim_group = u.value
		WHEN strpos(u.value, '=') = 0 THEN s.tags ? u.value
		ELSE s.tags ->> split_part(u.value, '=', 1) = substr(u.value, strpos(u.value, '=') + 1)
	  END
	  AND NOT EXISTS (SELECT 1 FROM retired_sims WHERE sim = s.id)
);
