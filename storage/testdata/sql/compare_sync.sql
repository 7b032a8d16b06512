-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the rows of a sync that may change something: those that were refused, that have no SIM with the same
--           ICCID, and whose SIM differs. It compares lists of identifiers by a sum of hashes, which differs from run to run
--           by its seed, so that a difference cannot stay unnoticed for long.
-- Given:    @some: the fields that any row has; @every: the fields that every row has; the @seed of the hashes.
-- Returns:  nothing
-- Locks:    nothing
--
-- EXPLAIN EXECUTE compare_sync(some, seed, every);
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
PREPARE compare_sync AS
INSERT INTO sync_candidates
		SELECT
			s.id,
			NULL,
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
		FROM synced x
		LEFT JOIN (
			SELECT
				s.id,
				s.iccid,
				a.operator_id,
				h.imsis,
				h.msisdns,
				CASE WHEN $1 /*some*/::bigint & 2 <> 0 THEN s.status END AS status,
				CASE WHEN $1 /*some*/::bigint & 4 <> 0 THEN s.plan END AS plan,
				CASE WHEN $1 /*some*/::bigint & 32 <> 0 THEN s.transfer_lock END AS transfer_lock,
				CASE WHEN $1 /*some*/::bigint & 64 <> 0 THEN d.eid END AS eid,
				CASE WHEN $1 /*some*/::bigint & 128 <> 0 THEN d.lot END AS lot,
				CASE WHEN $1 /*some*/::bigint & 256 <> 0 THEN d.external_id END AS external_id,
				CASE WHEN $1 /*some*/::bigint & 512 <> 0 THEN s.tags END AS tags,
				CASE WHEN $1 /*some*/::bigint & 1024 <> 0 THEN s.expiration END AS expiration,
				CASE WHEN $1 /*some*/::bigint & 2048 <> 0 THEN s.termination_protection END AS termination_protection,
				CASE WHEN $1 /*some*/::bigint & 4096 <> 0 THEN s.sim_group END AS sim_group,
				CASE WHEN $1 /*some*/::bigint & 8192 <> 0 THEN s.event_handlers END AS event_handlers,
				CASE WHEN $1 /*some*/::bigint & 16384 <> 0 THEN s.speed_class END AS speed_class,
				CASE WHEN $1 /*some*/::bigint & 32768 <> 0 THEN s.containers END AS containers,
				CASE WHEN $1 /*some*/::bigint & 65536 <> 0 THEN s.imei_lock END AS imei_lock
			FROM sims s
			JOIN accounts a ON a.id = s.account
			LEFT JOIN retired_sims q ON q.sim = s.id
			LEFT JOIN sim_details d ON d.sim = s.id AND $1 /*some*/::bigint & 448 <> 0
			LEFT JOIN (
				SELECT
					sim,
					bit_xor(hashtextextended(identifier, $2 /*seed*/)) FILTER (WHERE kind = 'imsi') AS imsis,
					bit_xor(hashtextextended(identifier, $2 /*seed*/)) FILTER (WHERE kind = 'msisdn') AS msisdns
				FROM (SELECT sim, identifier, kind FROM identifiers WHERE kind <> 'iccid' ORDER BY sim OFFSET 0) i
				GROUP BY sim
			) h ON h.sim = s.id AND $1 /*some*/::bigint & 24 <> 0
			WHERE q.sim IS NULL
			OFFSET 0
		) s ON s.iccid = x.iccid
		WHERE s.id IS NULL
		   OR x.code IS NOT NULL
		   OR $1 /*some*/::bigint & 1 <> 0 AND ($3 /*every*/::bigint & 1 <> 0 OR x.has & 1 <> 0) AND x.operator_id <> s.operator_id
		   OR $1 /*some*/::bigint & 2 <> 0 AND ($3 /*every*/::bigint & 2 <> 0 OR x.has & 2 <> 0) AND x.status IS DISTINCT FROM s.status
   OR $1 /*some*/::bigint & 4 <> 0 AND ($3 /*every*/::bigint & 4 <> 0 OR x.has & 4 <> 0) AND x.plan IS DISTINCT FROM s.plan
   OR $1 /*some*/::bigint & 32 <> 0 AND ($3 /*every*/::bigint & 32 <> 0 OR x.has & 32 <> 0) AND x.transfer_lock IS DISTINCT FROM s.transfer_lock
   OR $1 /*some*/::bigint & 64 <> 0 AND ($3 /*every*/::bigint & 64 <> 0 OR x.has & 64 <> 0) AND x.eid IS DISTINCT FROM s.eid
   OR $1 /*some*/::bigint & 128 <> 0 AND ($3 /*every*/::bigint & 128 <> 0 OR x.has & 128 <> 0) AND x.lot IS DISTINCT FROM s.lot
   OR $1 /*some*/::bigint & 256 <> 0 AND ($3 /*every*/::bigint & 256 <> 0 OR x.has & 256 <> 0) AND x.external_id IS DISTINCT FROM s.external_id
   OR $1 /*some*/::bigint & 512 <> 0 AND ($3 /*every*/::bigint & 512 <> 0 OR x.has & 512 <> 0) AND x.tags IS DISTINCT FROM s.tags
   OR $1 /*some*/::bigint & 1024 <> 0 AND ($3 /*every*/::bigint & 1024 <> 0 OR x.has & 1024 <> 0) AND x.expiration IS DISTINCT FROM s.expiration
   OR $1 /*some*/::bigint & 2048 <> 0 AND ($3 /*every*/::bigint & 2048 <> 0 OR x.has & 2048 <> 0) AND x.termination_protection IS DISTINCT FROM s.termination_protection
   OR $1 /*some*/::bigint & 4096 <> 0 AND ($3 /*every*/::bigint & 4096 <> 0 OR x.has & 4096 <> 0) AND x.sim_group IS DISTINCT FROM s.sim_group
   OR $1 /*some*/::bigint & 8192 <> 0 AND ($3 /*every*/::bigint & 8192 <> 0 OR x.has & 8192 <> 0) AND x.event_handlers IS DISTINCT FROM s.event_handlers
   OR $1 /*some*/::bigint & 16384 <> 0 AND ($3 /*every*/::bigint & 16384 <> 0 OR x.has & 16384 <> 0) AND x.speed_class IS DISTINCT FROM s.speed_class
   OR $1 /*some*/::bigint & 32768 <> 0 AND ($3 /*every*/::bigint & 32768 <> 0 OR x.has & 32768 <> 0) AND x.containers IS DISTINCT FROM s.containers
   OR $1 /*some*/::bigint & 65536 <> 0 AND ($3 /*every*/::bigint & 65536 <> 0 OR x.has & 65536 <> 0) AND x.imei_lock IS DISTINCT FROM s.imei_lock
		   OR $1 /*some*/::bigint & 8 <> 0 AND ($3 /*every*/::bigint & 8 <> 0 OR x.has & 8 <> 0) AND s.imsis IS DISTINCT FROM CASE
	WHEN x.imsis = '' THEN NULL
	WHEN strpos(x.imsis, ',') = 0 THEN hashtextextended(x.imsis, $2 /*seed*/)
	ELSE (SELECT bit_xor(hashtextextended(u, $2 /*seed*/)) FROM unnest(string_to_array(x.imsis, ',')) u)
END
		   OR $1 /*some*/::bigint & 16 <> 0 AND ($3 /*every*/::bigint & 16 <> 0 OR x.has & 16 <> 0) AND s.msisdns IS DISTINCT FROM CASE
	WHEN x.msisdns = '' THEN NULL
	WHEN strpos(x.msisdns, ',') = 0 THEN hashtextextended(x.msisdns, $2 /*seed*/)
	ELSE (SELECT bit_xor(hashtextextended(u, $2 /*seed*/)) FROM unnest(string_to_array(x.msisdns, ',')) u)
END;
