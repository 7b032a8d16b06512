-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records whether the worker of dispatched work seems to be gone.
-- Given:    @id of the work, the @gen of its dispatch, and @suspect.
-- Returns:  nothing
-- Locks:    Takes the work row.
--
-- EXPLAIN EXECUTE mark_suspect(suspect, id, gen);
PREPARE mark_suspect AS
UPDATE work
SET suspect = $1 /*suspect*/
WHERE id = $2 /*id*/ AND gen = $3 /*gen*/ AND suspect <> $1 /*suspect*/;
