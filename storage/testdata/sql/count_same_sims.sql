-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reports whether a list names a SIM more than once, of any account. It needs less than half of the time
--           of select_same_sims, which is therefore run only for a list that does.
-- Given:    The @identifiers, each once.
-- Returns:  True if two of them name one SIM.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE count_same_sims(identifiers);
PREPARE count_same_sims AS
SELECT count(*) > count(DISTINCT sim)
FROM identifiers
WHERE identifier = ANY ($1 /*identifiers*/::text[]);
