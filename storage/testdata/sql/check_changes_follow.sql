-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: each change of a SIM begins with the owner that the change before it ended with.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_changes_follow;
PREPARE check_changes_follow AS
SELECT format('change %s (%s) of SIM %s begins with account %s, but the change before it ends with account %s', id, kind, sim, owner, was)
FROM (
	SELECT sim, id, kind, owner, lag(destination) OVER (PARTITION BY sim ORDER BY seq NULLS LAST, id) AS was
	FROM (
		SELECT sim, id, seq, kind, coalesce(source, destination) AS owner, destination
		FROM changes
		CROSS JOIN LATERAL unnest(sims) AS sim
		WHERE sims IS NOT NULL
		UNION ALL
		SELECT t.sim, c.id, c.seq, c.kind, c.source, c.destination
		FROM changes c
		CROSS JOIN LATERAL unnest(c.numbers) AS span
		CROSS JOIN LATERAL (
			SELECT n, sim
			FROM transfers
			WHERE request = c.request AND n >= lower(span) AND n < upper(span)
			OFFSET 0
		) t
	) entries
) chain
WHERE owner <> was;
