-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads the id of this installation.
-- Given:    nothing
-- Returns:  The id.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_installation;
PREPARE select_installation AS
SELECT id FROM installation;
