-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads entries of the changes feed.
-- Given:    Which ones: arrays with the numbers of the rows (@seqs) and the positions in them, from one (@los) to below
--           another (@his).
-- Returns:  The entries in the order of the feed.
-- Locks:    nothing
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE select_change_entries(seqs, los, his);
PREPARE select_change_entries AS
WITH span AS MATERIALIZED (
	SELECT p.lo, p.hi, c.seq, c.at, c.kind, c.source, c.destination, c.sims, c.request, c.before, c.after
	FROM unnest($1 /*seqs*/::bigint[], $2 /*los*/::int[], $3 /*his*/::int[]) AS p (seq, lo, hi)
	JOIN changes c ON c.seq = p.seq
), entry AS MATERIALIZED (
	SELECT c.seq, i - 1 AS position, c.sims[i] AS sim, NULL::int AS line, NULL::text AS reference, c.at, CASE c.kind WHEN 'created' THEN c.after->'settings' END AS settings,
		CASE WHEN c.kind = 'swapped' AND i = 2 THEN c.sims[1] END AS old_card,
		CASE WHEN c.kind = 'swapped' AND i = 1 THEN c.sims[2] END AS new_card,
		c.kind, c.source, c.destination, c.before, c.after, c.request
	FROM span c
	CROSS JOIN LATERAL generate_series(c.lo + 1, c.hi) AS i
	WHERE c.request IS NULL
	UNION ALL
	SELECT c.seq, t.n, t.sim, t.line, t.reference, g.since, to_jsonb(g.after), NULL, NULL,
		c.kind, c.source, c.destination,
		CASE WHEN (g.before).plan <> (g.after).plan THEN jsonb_build_object('plan', (g.before).plan) END,
		CASE WHEN (g.before).plan <> (g.after).plan THEN jsonb_build_object('plan', (g.after).plan) END,
		c.request
	FROM span c
	CROSS JOIN LATERAL (
		SELECT n, sim, line, reference
		FROM transfers
		WHERE request = c.request AND n >= c.lo AND n < c.hi
		OFFSET 0
	) t
	CROSS JOIN LATERAL (
		SELECT since, before, after
		FROM registrations
		WHERE sim = t.sim AND request = c.request AND n = t.n
		OFFSET 0
	) g
	WHERE c.request IS NOT NULL
)
SELECT
	e.seq,
	e.position,
	e.at,
	e.kind,
	src.operator_id AS source,
	src.external_id AS source_external_id,
	dst.operator_id AS destination,
	dst.external_id AS destination_external_id,
	e.sim,
	s.iccid,
	coalesce(i.imsis, '{}') AS imsis,
	coalesce(i.msisdns, '{}') AS msisdns,
	d.eid,
	d.external_id,
	e.before,
	e.after,
	(SELECT iccid FROM sims WHERE id = e.old_card) AS old_card,
	(SELECT iccid FROM sims WHERE id = e.new_card) AS new_card,
	e.request,
	r.batch,
	r.ticket,
	r.reference AS request_reference,
	e.line,
	e.reference,
	e.settings
FROM entry e
CROSS JOIN LATERAL (SELECT iccid FROM sims WHERE id = e.sim OFFSET 0) s
JOIN accounts dst ON dst.id = e.destination
LEFT JOIN accounts src ON src.id = e.source
LEFT JOIN LATERAL (SELECT batch, ticket, reference FROM requests WHERE id = e.request OFFSET 0) r ON true
LEFT JOIN LATERAL (SELECT eid, external_id FROM sim_details WHERE sim = e.sim OFFSET 0) d ON true
LEFT JOIN LATERAL (
	SELECT
		array_agg(identifier) FILTER (WHERE kind = 'imsi') AS imsis,
		array_agg(identifier) FILTER (WHERE kind = 'msisdn') AS msisdns
	FROM identifiers
	WHERE sim = e.sim
	OFFSET 0
) i ON true
ORDER BY e.seq, e.position;
