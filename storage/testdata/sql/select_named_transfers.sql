-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the transfers of a request that name some SIMs. A SIM of the source is found by
--           all its identifiers; of any other SIM, it is not disclosed which identifiers belong together.
-- Given:    @request and the @identifiers.
-- Returns:  The number of each transfer, with the identifier that found it.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_named_transfers(identifiers, request);
PREPARE select_named_transfers AS
SELECT i.identifier, t.n
FROM unnest($1 /*identifiers*/::text[]) AS i (identifier)
LEFT JOIN identifiers x USING (identifier)
LEFT JOIN sims s ON s.id = x.sim AND s.account = (SELECT source FROM requests WHERE id = $2 /*request*/)
LEFT JOIN identifiers y ON y.sim = s.id
JOIN transfers t ON t.request = $2 /*request*/ AND t.identifier = coalesce(y.identifier, i.identifier);
