-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Marks work as not dispatched, unless it has been dispatched again since.
-- Given:    @ids of work rows, and the dispatch of each: @gens.
-- Returns:  nothing
-- Locks:    Takes the work rows.
--
-- EXPLAIN EXECUTE revert_dispatch(ids, gens);
PREPARE revert_dispatch AS
UPDATE work w
SET dispatched_at = NULL
FROM unnest($1 /*ids*/::bigint[], $2 /*gens*/::int[]) AS u (id, gen)
WHERE w.id = u.id AND w.gen = u.gen AND w.dead_at IS NULL;
