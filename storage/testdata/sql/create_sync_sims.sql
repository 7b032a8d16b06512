-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates the new SIMs of a sync, their first registrations, and the rows of changes that say so.
-- Given:    nothing
-- Returns:  nothing
-- Locks:    nothing
--
-- EXPLAIN EXECUTE create_sync_sims;
BEGIN;
CREATE TEMPORARY TABLE synced ON COMMIT DROP AS
SELECT
	0 AS n,
	0 AS line,
	0 AS doc_row,
	0::bigint AS has,
	s.iccid,
	s.iccid AS other_form,
	''::text AS code,
	''::text AS field,
	''::text AS value,
	''::text AS operator_id,
	s.status,
	s.plan,
	''::text AS imsis,
	''::text AS msisdns,
	s.transfer_lock,
	d.eid,
	d.lot,
	d.external_id,
	s.tags,
	s.expiration,
	s.termination_protection,
	s.sim_group,
	s.event_handlers,
	s.speed_class,
	s.containers,
	s.imei_lock
FROM sims s, sim_details d
WHERE false;
CREATE TEMPORARY TABLE sync_candidates ON COMMIT DROP AS
SELECT
	NULL::bigint AS sim,
	NULL::integer AS twin,
	x.n,
	x.line,
	x.doc_row,
	x.has,
	x.iccid,
	x.other_form,
	x.code,
	x.field,
	x.value,
	x.operator_id,
	x.status,
	x.plan,
	string_to_array(x.imsis, ',') AS imsis,
	string_to_array(x.msisdns, ',') AS msisdns,
	x.transfer_lock,
	x.eid,
	x.lot,
	x.external_id,
	x.tags,
	x.expiration,
	x.termination_protection,
	x.sim_group,
	x.event_handlers,
	x.speed_class,
	x.containers,
	x.imei_lock
FROM synced x;
CREATE TEMPORARY TABLE sync_missing (sim bigint NOT NULL) ON COMMIT DROP;
CREATE TEMPORARY TABLE sync_rows (
	n       integer NOT NULL,
	line    integer NOT NULL,
	doc_row integer NOT NULL,
	sim     bigint,
	account bigint,
	iccid   text,
	outcome text NOT NULL,
	code    text,
	field   text,
	value   text,
	other   text,
	twin    integer,
	fields  text[],
	before  jsonb,
	after   jsonb,
	was     jsonb
) ON COMMIT DROP;
CREATE TEMPORARY TABLE sync_claims (
	n          integer NOT NULL,
	external   boolean NOT NULL,
	identifier text NOT NULL,
	kind       text NOT NULL
) ON COMMIT DROP;
CREATE TEMPORARY TABLE sync_releases (LIKE sync_claims) ON COMMIT DROP;
PREPARE create_sync_sims AS
WITH created AS (
			INSERT INTO sims (id, account, since, iccid, status, plan, transfer_lock, tags,
expiration,
termination_protection,
sim_group,
event_handlers,
speed_class,
containers,
imei_lock)
			OVERRIDING SYSTEM VALUE
			SELECT
				r.sim,
				r.account,
				clock_timestamp(),
				x.iccid,
				coalesce(x.status, 'ready'),
				x.plan,
				coalesce(x.transfer_lock, false),
				coalesce(x.tags, '{}'::jsonb),
				coalesce(x.expiration, NULL::timestamptz),
				coalesce(x.termination_protection, false),
				coalesce(x.sim_group, NULL::text),
				coalesce(x.event_handlers, '[]'::jsonb),
				coalesce(x.speed_class, NULL::text),
				coalesce(x.containers, '[]'::jsonb),
				coalesce(x.imei_lock, NULL::text)
			FROM sync_rows r
			JOIN sync_candidates x ON x.n = r.n
			WHERE r.outcome = 'created'
			ORDER BY r.sim
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
