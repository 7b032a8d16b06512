-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks up the SIMs that have a form of their ICCID in one of some ranges. It may find more than are in them.
-- Given:    @firsts and @lasts: the ends of each range; @limit: maximum number of SIMs.
-- Returns:  The ids of the SIMs in an array.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_sims_in_ranges(firsts, lasts, limit);
PREPARE select_sims_in_ranges AS
SELECT coalesce(array_agg(sim), '{}')
FROM (
	SELECT i.sim
	FROM unnest($1 /*firsts*/::text[], $2 /*lasts*/::text[]) AS r (first, last)
	JOIN identifiers i ON i.identifier BETWEEN r.first AND r.last AND length(i.identifier) = length(r.first) AND i.kind = 'iccid'
	LIMIT $3 /*limit*/
) found;
