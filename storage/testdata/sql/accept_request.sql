-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Brings an accepted request to the state in which it is executed, or waits for its window.
-- Given:    @request and @state.
--           @partial: only the chosen transfers were accepted, and execution declines the others.
--           @landing: the landing profile, or null. What it leaves out comes from that of the destination's account, unless
--           @without_profile. Unless it has a plan, the mapping of plans that is in force is recorded with it.
--           The window of a request that is scheduled: from @not_before to @not_after; null: none.
--           If support accepts in place of the destination, the @reason and the @ticket; empty: it does not.
-- Returns:  nothing
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE accept_request(state, partial, without_profile, landing, not_after, not_before, reason, ticket, request);
PREPARE accept_request AS
UPDATE requests r
SET state = $1 /*state*/,
	n_left = CASE $1 /*state*/ WHEN 'scheduled' THEN 0 ELSE size END,
	partial = $2 /*partial*/,
	landing = nullif(
		CASE WHEN $3 /*without_profile*/ THEN '{}' ELSE coalesce(dst.landing, '{}') END
			|| coalesce($4 /*landing*/::jsonb, '{}')
			|| CASE WHEN $4 /*landing*/::jsonb ? 'plan' THEN '{}' ELSE coalesce(mapped.landing, '{}') END,
		'{}'),
	expires_at = $5 /*not_after*/,
	not_before = $6 /*not_before*/,
	not_after = $5 /*not_after*/,
	on_behalf_reason = nullif($7 /*reason*/, ''),
	on_behalf_ticket = nullif($8 /*ticket*/, '')
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
WHERE r.id = $9 /*request*/ AND src.id = r.source AND dst.id = r.destination;
