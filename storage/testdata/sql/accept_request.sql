-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Brings an accepted request to the state in which it is executed, or waits for its window.
-- Given:    @request and @state.
--           @partial: only the chosen transfers were accepted, and execution declines the others.
--           @landing: the landing profile, or null. Unless it has a plan, the mapping of plans that is in force is recorded with it.
--           The window of a request that is scheduled: from @not_before to @not_after; null: none.
-- Returns:  nothing
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE accept_request(state, partial, landing, not_after, not_before, request);
PREPARE accept_request AS
UPDATE requests r
SET state = $1 /*state*/,
	n_left = CASE $1 /*state*/ WHEN 'scheduled' THEN 0 ELSE size END,
	partial = $2 /*partial*/,
	landing = CASE
		WHEN mapped.landing IS NULL OR $3 /*landing*/::jsonb ? 'plan' THEN $3 /*landing*/::jsonb
		ELSE coalesce($3 /*landing*/::jsonb, '{}') || mapped.landing
	END,
	expires_at = $4 /*not_after*/,
	not_before = $5 /*not_before*/
FROM accounts src
CROSS JOIN accounts dst
LEFT JOIN LATERAL (
		SELECT jsonb_strip_nulls(jsonb_build_object(
			'plans', CASE WHEN pair.default_plan IS NULL THEN coalesce(general.plans, '{}') ELSE '{}' END || coalesce(pair.plans, '{}'),
			'default_plan', coalesce(pair.default_plan, general.default_plan))) AS landing
		FROM (SELECT dst.id AS account, src.operator_id AS source) of
		LEFT JOIN plan_mappings pair ON pair.account = of.account AND pair.source = of.source
		LEFT JOIN plan_mappings general ON general.account = of.account AND general.source = ''
		WHERE pair.account IS NOT NULL OR general.account IS NOT NULL
) mapped ON true
WHERE r.id = $6 /*request*/ AND src.id = r.source AND dst.id = r.destination;
