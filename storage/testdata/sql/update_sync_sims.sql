-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Changes the SIMs of a sync, which also notes when they changed: SIMs whose identifiers or details change are among them.
-- Given:    nothing
-- Returns:  nothing
-- Locks:    The caller holds the SIMs.
--
-- EXPLAIN EXECUTE update_sync_sims;
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
PREPARE update_sync_sims AS
UPDATE sims s
	SET status = CASE WHEN x.has & 2 <> 0 THEN x.status ELSE s.status END,
plan = CASE WHEN x.has & 4 <> 0 THEN x.plan ELSE s.plan END,
transfer_lock = CASE WHEN x.has & 32 <> 0 THEN x.transfer_lock ELSE s.transfer_lock END,
tags = CASE WHEN x.has & 512 <> 0 THEN x.tags ELSE s.tags END,
expiration = CASE WHEN x.has & 1024 <> 0 THEN x.expiration ELSE s.expiration END,
termination_protection = CASE WHEN x.has & 2048 <> 0 THEN x.termination_protection ELSE s.termination_protection END,
sim_group = CASE WHEN x.has & 4096 <> 0 THEN x.sim_group ELSE s.sim_group END,
event_handlers = CASE WHEN x.has & 8192 <> 0 THEN x.event_handlers ELSE s.event_handlers END,
speed_class = CASE WHEN x.has & 16384 <> 0 THEN x.speed_class ELSE s.speed_class END,
containers = CASE WHEN x.has & 32768 <> 0 THEN x.containers ELSE s.containers END,
imei_lock = CASE WHEN x.has & 65536 <> 0 THEN x.imei_lock ELSE s.imei_lock END
	FROM sync_rows r
	JOIN sync_candidates x ON x.n = r.n
	WHERE r.outcome = 'changed' AND s.id = r.sim;
