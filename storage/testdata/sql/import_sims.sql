-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates the SIMs of an import, their details, their first registrations, which get the same instant in since, and the rows of changes that say so.
-- Given:    nothing
-- Returns:  nothing
-- Locks:    nothing
--
-- EXPLAIN EXECUTE import_sims;
BEGIN;
CREATE TEMPORARY TABLE staged_sims (
	LIKE sims,
	n           integer NOT NULL,
	operator_id text NOT NULL,
	eid         text,
	lot         text,
	external_id text
) ON COMMIT DROP;
ALTER TABLE staged_sims
	ALTER COLUMN id SET DEFAULT nextval('sims_id_seq'),
	DROP COLUMN account,
	DROP COLUMN since,
	DROP COLUMN updated_at;
CREATE TEMPORARY TABLE staged_identifiers (
	n          integer NOT NULL,
	identifier text NOT NULL,
	kind       text NOT NULL
) ON COMMIT DROP;
PREPARE import_sims AS
WITH created AS (
			INSERT INTO sims (id, account, since, status, transfer_lock, iccid, plan, tags,
expiration,
termination_protection,
sim_group,
event_handlers,
speed_class,
containers,
imei_lock)
			OVERRIDING SYSTEM VALUE
			SELECT s.id, a.id, clock_timestamp(), s.status, s.transfer_lock, s.iccid, s.plan, s.tags,
s.expiration,
s.termination_protection,
s.sim_group,
s.event_handlers,
s.speed_class,
s.containers,
s.imei_lock
			FROM staged_sims s
			JOIN accounts a USING (operator_id)
			ORDER BY s.id
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
		), detailed AS (
			INSERT INTO sim_details (sim, eid, lot, external_id)
			SELECT id, eid, lot, external_id
			FROM staged_sims
			WHERE eid IS NOT NULL OR lot IS NOT NULL OR external_id IS NOT NULL
		), changed AS (
			INSERT INTO changes (kind, destination, sims, after)
			SELECT 'created', account, ids[first:first + 999], created_with
			FROM (SELECT account, created_with, array_agg(id ORDER BY id) AS ids FROM created GROUP BY account, created_with) AS alike
			CROSS JOIN LATERAL generate_series(1, cardinality(ids), 1000) AS first
			ORDER BY ids[first]
		)
		INSERT INTO registrations (sim, since, account)
		SELECT id, since, account
		FROM created;
