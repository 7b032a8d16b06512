-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Registers a SIM to another account without a request: its owner, its settings as after a support-assisted
--           transfer, its timeline, and the mark of the correction.
-- Given:    @sim: the id of the SIM; @account: the new owner; @ticket (empty: none).
-- Returns:  nothing
-- Locks:    The caller holds the SIM and its claim.
--
-- EXPLAIN EXECUTE correct_owner(sim, account, ticket);
PREPARE correct_owner AS
WITH v AS MATERIALIZED (
	SELECT
		id,
		greatest(clock_timestamp(), since + interval '1 microsecond') AS since,
		'support_assisted' AS method,
		tags,
		expiration,
		termination_protection,
		sim_group,
		event_handlers,
		speed_class,
		containers,
		imei_lock,
		plan
	FROM sims
	WHERE id = $1 /*sim*/
), r AS (
	SELECT NULL::jsonb AS landing
), moved AS (
	UPDATE sims s
	SET account = $2 /*account*/,
		since = v.since,
		tags = CASE v.method WHEN 'self_service' THEN '{}'::jsonb ELSE s.tags END || coalesce(r.landing -> 'tags', '{}'),
		expiration = CASE v.method WHEN 'self_service' THEN NULL::timestamptz ELSE s.expiration END,
		termination_protection = CASE v.method WHEN 'self_service' THEN false ELSE s.termination_protection END,
		sim_group = coalesce(r.landing ->> 'sim_group', NULL::text),
		event_handlers = '[]'::jsonb,
		speed_class = coalesce(r.landing ->> 'speed_class', NULL::text),
		containers = s.containers,
		imei_lock = CASE v.method WHEN 'self_service' THEN NULL::text ELSE s.imei_lock END,
		plan = coalesce(r.landing ->> 'plan', r.landing -> 'plans' ->> s.plan, r.landing ->> 'default_plan', s.plan)
	FROM v, r
	WHERE s.id = v.id
), registered AS (
	INSERT INTO registrations (sim, since, account, before, after)
	SELECT
		v.id,
		v.since,
		$2 /*account*/,
		ROW(
			v.tags,
			v.expiration,
			v.termination_protection,
			v.sim_group,
			v.event_handlers,
			v.speed_class,
			v.containers,
			v.imei_lock,
			v.plan
		)::sim_settings,
		ROW(
			CASE v.method WHEN 'self_service' THEN '{}'::jsonb ELSE v.tags END || coalesce(r.landing -> 'tags', '{}'),
			CASE v.method WHEN 'self_service' THEN NULL::timestamptz ELSE v.expiration END,
			CASE v.method WHEN 'self_service' THEN false ELSE v.termination_protection END,
			coalesce(r.landing ->> 'sim_group', NULL::text),
			'[]'::jsonb,
			coalesce(r.landing ->> 'speed_class', NULL::text),
			v.containers,
			CASE v.method WHEN 'self_service' THEN NULL::text ELSE v.imei_lock END,
			coalesce(r.landing ->> 'plan', r.landing -> 'plans' ->> v.plan, r.landing ->> 'default_plan', v.plan)
		)::sim_settings
	FROM v, r
)
INSERT INTO owner_corrections (sim, since, ticket)
SELECT id, since, nullif($3 /*ticket*/, '')
FROM v;
