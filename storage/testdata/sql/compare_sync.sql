-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the rows of a sync that may change something: those that were refused, that have no SIM with the same
--           ICCID, and whose SIM differs. It compares lists of identifiers by a sum of hashes, which differs from run to run
--           by its seed, so that a difference cannot stay unnoticed for long.
-- Given:    @identifiers: whether any row has IMSIs or MSISDNs; the @seed of the hashes.
-- Returns:  nothing
-- Locks:    nothing
--
-- EXPLAIN EXECUTE compare_sync(seed, identifiers);
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
	NULL::text[] AS imsis,
	NULL::text[] AS msisdns,
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
SELECT NULL::bigint AS sim, NULL::integer AS twin, *
FROM synced;
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
WITH held AS (
			SELECT
				sim,
				bit_xor(hashtextextended(identifier, $1 /*seed*/)) FILTER (WHERE kind = 'imsi') AS imsis,
				bit_xor(hashtextextended(identifier, $1 /*seed*/)) FILTER (WHERE kind = 'msisdn') AS msisdns
			FROM identifiers
			WHERE $2 /*identifiers*/ AND kind <> 'iccid'
			GROUP BY sim
		)
		INSERT INTO sync_candidates
		SELECT s.id, NULL, x.*
		FROM synced x
		LEFT JOIN (sims s LEFT JOIN retired_sims q ON q.sim = s.id) ON s.iccid = x.iccid AND q.sim IS NULL
		LEFT JOIN sim_details d ON d.sim = s.id
		LEFT JOIN accounts a ON a.id = s.account
		LEFT JOIN held h ON h.sim = s.id
		WHERE s.id IS NULL
		   OR x.code IS NOT NULL
		   OR x.has & 1 <> 0 AND x.operator_id <> a.operator_id
		   OR x.has & 2 <> 0 AND x.status IS DISTINCT FROM s.status
   OR x.has & 4 <> 0 AND x.plan IS DISTINCT FROM s.plan
   OR x.has & 32 <> 0 AND x.transfer_lock IS DISTINCT FROM s.transfer_lock
   OR x.has & 64 <> 0 AND x.eid IS DISTINCT FROM d.eid
   OR x.has & 128 <> 0 AND x.lot IS DISTINCT FROM d.lot
   OR x.has & 256 <> 0 AND x.external_id IS DISTINCT FROM d.external_id
   OR x.has & 512 <> 0 AND x.tags IS DISTINCT FROM s.tags
   OR x.has & 1024 <> 0 AND x.expiration IS DISTINCT FROM s.expiration
   OR x.has & 2048 <> 0 AND x.termination_protection IS DISTINCT FROM s.termination_protection
   OR x.has & 4096 <> 0 AND x.sim_group IS DISTINCT FROM s.sim_group
   OR x.has & 8192 <> 0 AND x.event_handlers IS DISTINCT FROM s.event_handlers
   OR x.has & 16384 <> 0 AND x.speed_class IS DISTINCT FROM s.speed_class
   OR x.has & 32768 <> 0 AND x.containers IS DISTINCT FROM s.containers
   OR x.has & 65536 <> 0 AND x.imei_lock IS DISTINCT FROM s.imei_lock
		   OR x.has & 8 <> 0 AND h.imsis IS DISTINCT FROM CASE cardinality(x.imsis)
	WHEN 1 THEN hashtextextended(x.imsis[1], $1 /*seed*/)
	ELSE (SELECT bit_xor(hashtextextended(u, $1 /*seed*/)) FROM unnest(x.imsis) u)
END
		   OR x.has & 16 <> 0 AND h.msisdns IS DISTINCT FROM CASE cardinality(x.msisdns)
	WHEN 1 THEN hashtextextended(x.msisdns[1], $1 /*seed*/)
	ELSE (SELECT bit_xor(hashtextextended(u, $1 /*seed*/)) FROM unnest(x.msisdns) u)
END;
