-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Brings an accepted request to the state in which it is executed.
-- Given:    @request and @state.
--           @partial: only the chosen transfers were accepted.
--           @landing: the landing profile, or null. Unless it has a plan, the mapping of plans that is in force is recorded with it.
-- Returns:  nothing
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE accept_request(state, partial, landing, request);
PREPARE accept_request AS
UPDATE requests r
SET state = $1 /*state*/,
	n_left = size,
	partial = $2 /*partial*/,
	landing = CASE
		WHEN mapped.landing IS NULL OR $3 /*landing*/::jsonb ? 'plan' THEN $3 /*landing*/::jsonb
		ELSE coalesce($3 /*landing*/::jsonb, '{}') || mapped.landing
	END,
	expires_at = NULL
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
WHERE r.id = $4 /*request*/ AND src.id = r.source AND dst.id = r.destination;
