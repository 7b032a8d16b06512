-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: every change of a SIM's owner is in the changes feed once, and nothing else is.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_changes_of_owners;
PREPARE check_changes_of_owners AS
SELECT format('transfer %s/%s to account %s is %s times in the timeline and %s times in the changes feed',
	request, n, account, count(*) FILTER (WHERE registered), count(*) FILTER (WHERE NOT registered))
FROM (
	SELECT request, n, account, true AS registered
	FROM registrations
	WHERE request IS NOT NULL
	UNION ALL
	SELECT c.request, n, c.destination, false
	FROM changes c
	CROSS JOIN LATERAL unnest(c.numbers) AS span
	CROSS JOIN LATERAL generate_series(lower(span), upper(span) - 1) AS n
	WHERE c.kind = 'transferred'
) owned
GROUP BY request, n, account
HAVING count(*) FILTER (WHERE registered) <> count(*) FILTER (WHERE NOT registered)
UNION ALL
SELECT format('the owner of SIM %s was corrected %s times, and %s times in the changes feed', coalesce(g.sim, c.sim), coalesce(g.n, 0), coalesce(c.n, 0))
FROM (
	SELECT sim, count(*) - 1 AS n -- the first registration is no correction
	FROM registrations
	WHERE request IS NULL
	GROUP BY sim
	HAVING count(*) > 1
) g
FULL JOIN (
	SELECT sim, count(*) AS n
	FROM changes
	CROSS JOIN LATERAL unnest(sims) AS sim
	WHERE kind = 'owner_corrected'
	GROUP BY sim
) c ON c.sim = g.sim
WHERE g.n IS DISTINCT FROM c.n;
