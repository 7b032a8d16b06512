-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds out whether there are changes that have no place in the feed yet.
-- Given:    nothing
-- Returns:  True or false.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE has_unnumbered;
PREPARE has_unnumbered AS
SELECT EXISTS (SELECT 1 FROM changes WHERE seq IS NULL);
