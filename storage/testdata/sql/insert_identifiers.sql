-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Gives a new SIM its identifiers, in order, so that two transactions cannot deadlock.
-- Given:    @sim: the id of the SIM; the @identifiers and as many @kinds.
-- Returns:  nothing
-- Locks:    Waits for transactions that add one of the identifiers.
--
-- EXPLAIN EXECUTE insert_identifiers(sim, identifiers, kinds);
PREPARE insert_identifiers AS
INSERT INTO identifiers (identifier, sim, kind)
SELECT u.identifier, $1 /*sim*/, u.kind
FROM unnest($2 /*identifiers*/::text[], $3 /*kinds*/::text[]) AS u (identifier, kind)
ORDER BY u.identifier
ON CONFLICT DO NOTHING;
