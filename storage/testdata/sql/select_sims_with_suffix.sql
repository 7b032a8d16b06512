-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks up the SIMs that have an identifier with one of some suffixes.
-- Given:    @suffixes: last digits, six or more; @limit: maximum number of identifiers.
-- Returns:  The ids of the SIMs in an array.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_sims_with_suffix(suffixes, limit);
PREPARE select_sims_with_suffix AS
SELECT coalesce(array_agg(sim), '{}')
FROM (
	SELECT i.sim
	FROM unnest($1 /*suffixes*/::text[]) AS p (suffix)
	-- The limit keeps PostgreSQL from reading all identifiers to join them.
	CROSS JOIN LATERAL (SELECT i.sim FROM identifiers i WHERE right(i.identifier, 6) COLLATE "C" = right(p.suffix, 6) AND right(i.identifier, length(p.suffix)) = p.suffix LIMIT $2 /*limit*/) i
	LIMIT $2 /*limit*/
) found;
