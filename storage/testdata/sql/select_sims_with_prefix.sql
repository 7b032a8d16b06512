-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks up the SIMs that have an identifier with one of some prefixes.
-- Given:    @prefixes: first digits; @limit: maximum number of identifiers.
-- Returns:  The ids of the SIMs in an array.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_sims_with_prefix(prefixes, limit);
PREPARE select_sims_with_prefix AS
SELECT coalesce(array_agg(sim), '{}')
FROM (
	SELECT i.sim
	FROM unnest($1 /*prefixes*/::text[]) AS p (prefix)
	JOIN identifiers i ON i.identifier BETWEEN p.prefix AND rpad(p.prefix, 22, '9')
	LIMIT $2 /*limit*/
) found;
