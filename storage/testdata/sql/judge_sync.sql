-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Decides what happens to the rows of a sync that may change something, apart from identifiers that are in
--           each other's way. The first refusal of a row counts. Termination protection that the row changes counts as it
--           is after the change.
-- Given:    nothing
-- Returns:  nothing
-- Locks:    The caller holds the SIMs.
--
-- EXPLAIN EXECUTE judge_sync;
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
PREPARE judge_sync AS
INSERT INTO sync_rows (n, line, doc_row, sim, account, iccid, outcome, code, field, value, other, twin, fields, before, after, was)
SELECT
	x.n,
	x.line,
	x.doc_row,
	s.id,
	coalesce(s.account, a.id),
	coalesce(s.iccid, x.iccid),
	CASE
		WHEN r.code IS NOT NULL THEN 'refused'
		WHEN x.sim IS NULL THEN 'created'
		WHEN f.fields IS NULL THEN 'unchanged'
		ELSE 'changed'
	END,
	r.code,
	r.field,
	r.value,
	r.other,
	CASE WHEN r.code = 'duplicate' THEN x.twin END,
	CASE WHEN r.code IS NULL AND x.sim IS NOT NULL THEN f.fields END,
	CASE WHEN r.code IS NULL AND x.sim IS NOT NULL THEN f.before END,
	CASE WHEN r.code IS NULL AND x.sim IS NOT NULL THEN f.after END,
	CASE
		WHEN r.code IS NULL AND x.sim IS NOT NULL AND f.fields && '{imsis,msisdns,eid,external_id}'
		THEN (
			SELECT jsonb_build_object(
				'iccid', x.iccid,
				'imsis', ARRAY(SELECT identifier FROM identifiers WHERE sim = x.id AND kind = 'imsi' ORDER BY identifier),
				'msisdns', ARRAY(SELECT identifier FROM identifiers WHERE sim = x.id AND kind = 'msisdn' ORDER BY identifier),
				'eid', xd.eid,
				'external_id', xd.external_id)
			FROM sims x
			LEFT JOIN sim_details xd ON xd.sim = x.id
			WHERE x.id = s.id
		)
	END
FROM sync_candidates x
LEFT JOIN sims s ON s.id = x.sim
LEFT JOIN sim_details d ON d.sim = x.sim
LEFT JOIN accounts a ON a.operator_id = x.operator_id
LEFT JOIN accounts o ON o.id = s.account
CROSS JOIN LATERAL (
	SELECT CASE
			WHEN (s.status, x.status) IN (('active', 'ready'), ('inactive', 'ready'), ('standby', 'ready'), ('suspended', 'ready'), ('terminated', 'ready'), ('terminated', 'active'), ('terminated', 'inactive'), ('terminated', 'standby'), ('terminated', 'suspended')) THEN 'sim_status'
			WHEN CASE WHEN x.has & 2048 <> 0 THEN x.termination_protection ELSE s.termination_protection END AND (s.status, x.status) IN (('ready', 'terminated'), ('active', 'terminated'), ('inactive', 'terminated'), ('standby', 'terminated'), ('suspended', 'terminated')) THEN 'sim_protected'
		END AS code
) t
CROSS JOIN LATERAL (
	SELECT
		array_agg(v.name ORDER BY v.place) AS fields,
		jsonb_object_agg(v.name, CASE v.place
			WHEN 1 THEN to_jsonb(s.status)
			WHEN 2 THEN to_jsonb(s.plan)
			WHEN 5 THEN to_jsonb(s.transfer_lock)
			WHEN 6 THEN to_jsonb(d.eid)
			WHEN 7 THEN to_jsonb(d.lot)
			WHEN 8 THEN to_jsonb(d.external_id)
			WHEN 9 THEN to_jsonb(s.tags)
			WHEN 10 THEN to_jsonb(s.expiration)
			WHEN 11 THEN to_jsonb(s.termination_protection)
			WHEN 12 THEN to_jsonb(s.sim_group)
			WHEN 13 THEN to_jsonb(s.event_handlers)
			WHEN 14 THEN to_jsonb(s.speed_class)
			WHEN 15 THEN to_jsonb(s.containers)
			WHEN 16 THEN to_jsonb(s.imei_lock)
			WHEN 3 THEN to_jsonb(ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'imsi' ORDER BY identifier))
			WHEN 4 THEN to_jsonb(ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'msisdn' ORDER BY identifier))
		END) AS before,
		jsonb_object_agg(v.name, CASE v.place
			WHEN 1 THEN to_jsonb(x.status)
			WHEN 2 THEN to_jsonb(x.plan)
			WHEN 5 THEN to_jsonb(x.transfer_lock)
			WHEN 6 THEN to_jsonb(x.eid)
			WHEN 7 THEN to_jsonb(x.lot)
			WHEN 8 THEN to_jsonb(x.external_id)
			WHEN 9 THEN to_jsonb(x.tags)
			WHEN 10 THEN to_jsonb(x.expiration)
			WHEN 11 THEN to_jsonb(x.termination_protection)
			WHEN 12 THEN to_jsonb(x.sim_group)
			WHEN 13 THEN to_jsonb(x.event_handlers)
			WHEN 14 THEN to_jsonb(x.speed_class)
			WHEN 15 THEN to_jsonb(x.containers)
			WHEN 16 THEN to_jsonb(x.imei_lock)
			WHEN 3 THEN to_jsonb(x.imsis)
			WHEN 4 THEN to_jsonb(x.msisdns)
		END) AS after
	FROM (VALUES
		(1, 'status', x.has & 2 <> 0 AND x.status IS DISTINCT FROM s.status),
		(2, 'plan', x.has & 4 <> 0 AND x.plan IS DISTINCT FROM s.plan),
		(5, 'transfer_lock', x.has & 32 <> 0 AND x.transfer_lock IS DISTINCT FROM s.transfer_lock),
		(6, 'eid', x.has & 64 <> 0 AND x.eid IS DISTINCT FROM d.eid),
		(7, 'lot', x.has & 128 <> 0 AND x.lot IS DISTINCT FROM d.lot),
		(8, 'external_id', x.has & 256 <> 0 AND x.external_id IS DISTINCT FROM d.external_id),
		(9, 'tags', x.has & 512 <> 0 AND x.tags IS DISTINCT FROM s.tags),
		(10, 'expiration', x.has & 1024 <> 0 AND x.expiration IS DISTINCT FROM s.expiration),
		(11, 'termination_protection', x.has & 2048 <> 0 AND x.termination_protection IS DISTINCT FROM s.termination_protection),
		(12, 'group', x.has & 4096 <> 0 AND x.sim_group IS DISTINCT FROM s.sim_group),
		(13, 'event_handlers', x.has & 8192 <> 0 AND x.event_handlers IS DISTINCT FROM s.event_handlers),
		(14, 'speed_class', x.has & 16384 <> 0 AND x.speed_class IS DISTINCT FROM s.speed_class),
		(15, 'containers', x.has & 32768 <> 0 AND x.containers IS DISTINCT FROM s.containers),
		(16, 'imei_lock', x.has & 65536 <> 0 AND x.imei_lock IS DISTINCT FROM s.imei_lock),
		(3, 'imsis', x.has & 8 <> 0 AND x.imsis IS DISTINCT FROM ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'imsi' ORDER BY identifier)),
		(4, 'msisdns', x.has & 16 <> 0 AND x.msisdns IS DISTINCT FROM ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'msisdn' ORDER BY identifier))
	) AS v (place, name, differs)
	WHERE x.sim IS NOT NULL AND v.differs
) f
LEFT JOIN LATERAL (
	SELECT v.code, v.field, v.value, v.other
	FROM (VALUES
		(0, x.code IS NOT NULL, x.code, x.field, x.value, NULL),
		(1, x.has & 1 <> 0 AND a.id IS NULL, 'unknown_account', 'account', x.operator_id, NULL),
		(2, x.sim IS NOT NULL AND a.id <> s.account, 'other_owner', 'account', x.operator_id, o.operator_id),
		(3, x.twin IS NOT NULL AND (x.sim IS NULL OR f.fields IS NOT NULL), 'duplicate', 'iccid', x.iccid, NULL),
		(4, x.sim IS NULL AND NOT (x.has & 1 <> 0), 'missing_value', 'account', NULL, NULL),
		(5, x.sim IS NULL AND NOT (x.has & 8 <> 0), 'missing_value', 'imsis', NULL, NULL),
		(6, x.sim IS NULL AND NOT (x.has & 4 <> 0), 'missing_value', 'plan', NULL, NULL),
		(7, x.sim IS NULL AND a.standing = 'closed', 'account_closed', 'account', x.operator_id, NULL),
		(8, x.has & 4 <> 0 AND x.plan IS DISTINCT FROM s.plan AND NOT EXISTS (SELECT 1 FROM plans p WHERE p.name = x.plan),
			'unknown_plan', 'plan', x.plan, NULL),
		(9, x.has & 4 <> 0 AND x.plan IS DISTINCT FROM s.plan AND x.plan <> ALL (nullif(coalesce(o.plans, a.plans), '{}')),
			'plan_not_available', 'plan', x.plan, coalesce(o.operator_id, a.operator_id)),
		(10, t.code IS NOT NULL, t.code, 'status', x.status, s.status)
	) AS v (rank, applies, code, field, value, other)
	WHERE v.applies
	ORDER BY v.rank
	LIMIT 1
) r ON true;
