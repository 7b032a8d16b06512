-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Refuses rows of a sync that add an identifier which several rows add, or which another SIM keeps: because the
--           file does not take it away, or because the row that does is refused. The last is repeated until nothing changes.
-- Given:    nothing
-- Returns:  nothing
-- Locks:    The caller holds the SIMs.
--
-- EXPLAIN EXECUTE refuse_sync_conflicts;
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
PREPARE refuse_sync_conflicts AS
WITH RECURSIVE taken AS MATERIALIZED (
	SELECT c.n, c.identifier, c.kind, i.sim AS holder
	FROM sync_claims c
	JOIN identifiers i ON i.identifier = c.identifier
	WHERE NOT c.external
	  AND NOT EXISTS (SELECT 1 FROM sync_releases r WHERE NOT r.external AND r.identifier = c.identifier)
	UNION ALL
	SELECT c.n, c.identifier, c.kind, d.sim
	FROM sync_claims c
	JOIN sim_details d ON d.external_id = c.identifier
	WHERE c.external
	  AND NOT EXISTS (SELECT 1 FROM sync_releases r WHERE r.external AND r.identifier = c.identifier)
), repeated AS MATERIALIZED (
	SELECT n, identifier, kind, CASE WHEN n = first THEN last ELSE first END AS twin
	FROM (
		SELECT
			n,
			identifier,
			kind,
			min(n) OVER (PARTITION BY external, identifier) AS first,
			max(n) OVER (PARTITION BY external, identifier) AS last
		FROM sync_claims
	) AS c
	WHERE first < last
), refused (n) AS (
	SELECT n FROM (SELECT n FROM taken UNION SELECT n FROM repeated) AS first
	UNION
	SELECT c.n
	FROM refused b
	JOIN sync_releases r ON r.n = b.n
	JOIN sync_claims c ON c.external = r.external AND c.identifier = r.identifier
), reasons AS (
	SELECT n, 1 AS rank, identifier, kind, NULL::bigint AS holder, twin FROM repeated
	UNION ALL
	SELECT n, 2, identifier, kind, holder, NULL FROM taken
	UNION ALL
	SELECT c.n, 3, c.identifier, c.kind, h.sim, NULL
	FROM refused b
	JOIN sync_releases r ON r.n = b.n
	JOIN sync_claims c ON c.external = r.external AND c.identifier = r.identifier
	JOIN sync_rows h ON h.n = r.n
), first_reasons AS (
	SELECT DISTINCT ON (n) n, identifier, kind, holder, twin
	FROM reasons
	ORDER BY n, rank, identifier, holder
)
UPDATE sync_rows o
SET outcome = 'refused',
	code = CASE WHEN f.twin IS NULL THEN 'taken' ELSE 'duplicate' END,
	field = CASE f.kind WHEN 'imsi' THEN 'imsis' WHEN 'msisdn' THEN 'msisdns' ELSE f.kind END,
	value = f.identifier,
	other = s.iccid,
	twin = f.twin,
	fields = NULL,
	before = NULL,
	after = NULL,
	was = NULL
FROM first_reasons f
LEFT JOIN sims s ON s.id = f.holder
WHERE o.n = f.n;
