-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: the last status and plan of a SIM in the changes feed are those of the SIM.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_changes_latest;
PREPARE check_changes_latest AS
SELECT format('SIM %s (id %s) has the %s %s, but %s in the changes feed', s.iccid, s.id, c.field, c.value, c.told)
FROM (
	SELECT DISTINCT ON (sim, field) sim, field, told
	FROM (
		SELECT sim, 'status' AS field, seq, id, after->>'status' AS told
		FROM changes
		CROSS JOIN LATERAL unnest(sims) AS sim
		WHERE kind = 'status_changed'
		UNION ALL
		SELECT sim, 'plan', seq, id, after->>'plan'
		FROM changes
		CROSS JOIN LATERAL unnest(sims) AS sim
		WHERE kind = 'plan_changed'
		UNION ALL
		SELECT g.sim, 'plan', c.seq, c.id, (g.after).plan
		FROM changes c
		CROSS JOIN LATERAL (
			SELECT id
			FROM requests
			WHERE id = c.request AND landing ?| ARRAY['plan', 'plans', 'default_plan']
			OFFSET 0
		) r
		CROSS JOIN LATERAL unnest(c.numbers) AS span
		CROSS JOIN LATERAL (
			SELECT n, sim
			FROM transfers
			WHERE request = c.request AND n >= lower(span) AND n < upper(span)
			OFFSET 0
		) t
		CROSS JOIN LATERAL (
			SELECT sim, before, after
			FROM registrations
			WHERE sim = t.sim AND request = c.request AND n = t.n
			OFFSET 0
		) g
		WHERE (g.before).plan <> (g.after).plan
	) told
	ORDER BY sim, field, seq DESC NULLS FIRST, id DESC
) latest
JOIN sims s ON s.id = latest.sim
CROSS JOIN LATERAL (
	SELECT field, CASE field WHEN 'status' THEN s.status ELSE s.plan END AS value, told
) c
WHERE c.value IS DISTINCT FROM c.told;
