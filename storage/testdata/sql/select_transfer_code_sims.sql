-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the SIMs of a transfer code.
-- Given:    @id.
-- Returns:  Their identifiers, in the order of submission.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_transfer_code_sims(id);
PREPARE select_transfer_code_sims AS
SELECT u.identifier
FROM transfer_codes c
CROSS JOIN LATERAL unnest(c.identifiers) WITH ORDINALITY AS u (identifier, nth)
WHERE c.id = $1 /*id*/
ORDER BY u.nth;
