-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the SIMs of an account that a list names more than once. Of other accounts' SIMs, it is not
--           disclosed which identifiers belong together.
-- Given:    @account, the @identifiers, each once, and the maximum number of rows: @limit.
-- Returns:  A row for each identifier that names the SIM of an earlier one, with the places of both, from 0.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_same_sims(identifiers, account, limit);
PREPARE select_same_sims AS
WITH repeated AS (
	SELECT i.sim, array_agg(u.nth - 1 ORDER BY u.nth) AS places
	FROM unnest($1 /*identifiers*/::text[]) WITH ORDINALITY AS u (identifier, nth)
	JOIN identifiers i USING (identifier)
	GROUP BY i.sim
	HAVING count(*) > 1
)
SELECT places[1] AS first, later.again
FROM repeated
JOIN sims s ON s.id = repeated.sim
CROSS JOIN LATERAL unnest(places[2:]) AS later (again)
WHERE s.account = $2 /*account*/
ORDER BY again
LIMIT $3 /*limit*/;
