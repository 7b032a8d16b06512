-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads entries of the changes feed, without what the entries of a row have in common.
-- Given:    Which ones: arrays with the numbers of the rows (@seqs) and the positions in them, from one (@los) to below
--           another (@his).
-- Returns:  The entries in the order of the feed.
-- Locks:    nothing
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE select_change_entries(seqs, los, his);
PREPARE select_change_entries AS
WITH span AS MATERIALIZED (
	SELECT p.lo, p.hi, c.seq, c.at, c.kind, c.sims, c.request, c.before, c.after
	FROM unnest($1 /*seqs*/::bigint[], $2 /*los*/::int[], $3 /*his*/::int[]) AS p (seq, lo, hi)
	JOIN changes c ON c.seq = p.seq
), entry AS MATERIALIZED (
	SELECT c.seq, i - 1 AS position, c.sims[i] AS sim, NULL::int AS line, NULL::text AS reference, c.at,
		CASE c.kind WHEN 'created' THEN (c.after->'settings')::json END AS settings,
		CASE WHEN c.kind = 'swapped' AND i = 2 THEN c.sims[1] END AS old_card,
		CASE WHEN c.kind = 'swapped' AND i = 1 THEN c.sims[2] END AS new_card,
		c.before, c.after
	FROM span c
	CROSS JOIN LATERAL generate_series(c.lo + 1, c.hi) AS i
	WHERE c.request IS NULL
	UNION ALL
	SELECT c.seq, t.n, t.sim, t.line, t.reference, g.since, g.settings, NULL, NULL,
		CASE WHEN g.old_plan IS NOT NULL THEN jsonb_build_object('plan', g.old_plan) END,
		CASE WHEN g.old_plan IS NOT NULL THEN jsonb_build_object('plan', g.settings->>'plan') END
	FROM span c
	CROSS JOIN LATERAL (
		SELECT n, sim, line, reference
		FROM transfers
		WHERE request = c.request AND n >= c.lo AND n < c.hi
		OFFSET 0
	) t
	CROSS JOIN LATERAL (
		SELECT since, to_json(after) AS settings, CASE WHEN (before).plan <> (after).plan THEN (before).plan END AS old_plan
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
	e.sim,
	s.iccid,
	i.imsis,
	i.msisdns,
	d.eid,
	d.external_id,
	e.before,
	e.after,
	(SELECT iccid FROM sims WHERE id = e.old_card) AS old_card,
	(SELECT iccid FROM sims WHERE id = e.new_card) AS new_card,
	e.line,
	e.reference,
	e.settings
FROM entry e
CROSS JOIN LATERAL (SELECT iccid FROM sims WHERE id = e.sim OFFSET 0) s
LEFT JOIN LATERAL (SELECT eid, external_id FROM sim_details WHERE sim = e.sim OFFSET 0) d ON true
LEFT JOIN LATERAL (
	SELECT
		string_agg(identifier, ' ') FILTER (WHERE kind = 'imsi') AS imsis,
		string_agg(identifier, ' ') FILTER (WHERE kind = 'msisdn') AS msisdns
	FROM identifiers
	WHERE sim = e.sim
	OFFSET 0
) i ON true
ORDER BY e.seq, e.position;
