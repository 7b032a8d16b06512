-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Deletes a work row.
-- Given:    @id of the work.
-- Returns:  nothing
-- Locks:    The caller holds the work row.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE delete_work(id);
PREPARE delete_work AS
DELETE FROM work
WHERE id = $1 /*id*/;
