-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the SIMs of an owner's part of a pull request that it still has.
-- Given:    @pull and @owner. The @identifiers of those to list; an empty list: all.
-- Returns:  The SIMs with their ICCIDs, in the order in which they were asked for, and the identifier that named each.
-- Locks:    The caller holds the part.
--
-- EXPLAIN EXECUTE select_pulled_sims(identifiers, pull, owner);
PREPARE select_pulled_sims AS
SELECT s.id AS sim, s.iccid, coalesce(i.identifier, '') AS identifier
FROM pull_owners o
CROSS JOIN LATERAL unnest(o.sims) WITH ORDINALITY AS u (sim, nth)
JOIN sims s ON s.id = u.sim AND s.account = o.owner
LEFT JOIN identifiers i ON i.sim = s.id AND i.identifier = ANY ($1 /*identifiers*/::text[])
WHERE o.pull = $2 /*pull*/ AND o.owner = $3 /*owner*/
  AND (cardinality($1 /*identifiers*/::text[]) = 0 OR i.identifier IS NOT NULL)
ORDER BY u.nth;
