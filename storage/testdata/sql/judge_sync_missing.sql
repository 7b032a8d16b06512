-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Decides what happens to the SIMs that the file of a full sync does not have: they are listed, or retired, which means that they are terminated.
-- Given:    @rows: the number of rows of the file, after which they are numbered; @account: only its SIMs (0: all);
--           @retire: whether they are retired.
-- Returns:  nothing
-- Locks:    The caller holds the SIMs if they are retired.
--
-- EXPLAIN EXECUTE judge_sync_missing(rows, retire, account);
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
PREPARE judge_sync_missing AS
INSERT INTO sync_rows (n, line, doc_row, sim, account, iccid, outcome, code, field, value, other, fields, before, after)
SELECT
	$1 /*rows*/::integer + row_number() OVER (ORDER BY s.id) - 1,
	0,
	0,
	s.id,
	s.account,
	s.iccid,
	CASE WHEN NOT $2 /*retire*/ THEN 'missing' WHEN t.code IS NULL THEN 'retired' ELSE 'refused' END,
	t.code,
	CASE WHEN t.code IS NOT NULL THEN 'status' END,
	CASE WHEN t.code IS NOT NULL THEN 'terminated' END,
	CASE WHEN t.code = 'sim_in_transfer' THEN t.request::text WHEN t.code IS NOT NULL THEN s.status END,
	CASE WHEN $2 /*retire*/ AND t.code IS NULL THEN ARRAY['status'] END,
	CASE WHEN $2 /*retire*/ AND t.code IS NULL THEN jsonb_build_object('status', s.status) END,
	CASE WHEN $2 /*retire*/ AND t.code IS NULL THEN jsonb_build_object('status', 'terminated') END
FROM sync_missing m
JOIN sims s ON s.id = m.sim
LEFT JOIN open_transfers o ON o.sim = s.id
CROSS JOIN LATERAL (
	SELECT
		o.request,
		CASE WHEN $2 /*retire*/ THEN coalesce(
			CASE WHEN o.sim IS NOT NULL THEN 'sim_in_transfer' END,
			CASE
				WHEN (s.status, 'terminated') IN (('active', 'ready'), ('inactive', 'ready'), ('standby', 'ready'), ('suspended', 'ready'), ('terminated', 'ready'), ('terminated', 'active'), ('terminated', 'inactive'), ('terminated', 'standby'), ('terminated', 'suspended')) THEN 'sim_status'
				WHEN s.termination_protection AND (s.status, 'terminated') IN (('ready', 'terminated'), ('active', 'terminated'), ('inactive', 'terminated'), ('standby', 'terminated'), ('suspended', 'terminated')) THEN 'sim_protected'
			END
		) END AS code
) t
WHERE s.status <> 'terminated' AND ($3 /*account*/::bigint = 0 OR s.account = $3 /*account*/);
