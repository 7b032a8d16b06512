-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates a card that takes over from another one, ready and with the owner and the plan of that one: the
--           SIM, its first registration, and the row of changes that says so.
-- Given:    @old: the id of the SIM that it takes over from; @iccid of the new one.
-- Returns:  The id of the new SIM.
-- Locks:    The caller holds the old SIM.
--
-- EXPLAIN EXECUTE insert_card(iccid, old);
PREPARE insert_card AS
WITH created AS (
			INSERT INTO sims (account, since, status, iccid, plan)
			SELECT account, clock_timestamp(), 'ready', $1 /*iccid*/, plan
			FROM sims
			WHERE id = $2 /*old*/
			RETURNING id, since, account, jsonb_build_object('status', status, 'plan', plan, 'settings', to_jsonb(ROW(
	tags,
	expiration,
	termination_protection,
	sim_group,
	event_handlers,
	speed_class,
	containers,
	imei_lock,
	plan
)::sim_settings)) AS created_with
		), registered AS (
			INSERT INTO registrations (sim, since, account)
			SELECT id, since, account
			FROM created
		), changed AS (
			INSERT INTO changes (kind, destination, sims, after)
			SELECT 'created', account, ids[first:first + 999], created_with
			FROM (SELECT account, created_with, array_agg(id ORDER BY id) AS ids FROM created GROUP BY account, created_with) AS alike
			CROSS JOIN LATERAL generate_series(1, cardinality(ids), 1000) AS first
			ORDER BY ids[first]
		)
		SELECT id
		FROM created;
