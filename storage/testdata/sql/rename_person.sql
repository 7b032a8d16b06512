-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Changes the name of a person.
-- Given:    @id of the person; its @name.
-- Returns:  nothing
-- Locks:    The caller holds the person.
--
-- EXPLAIN EXECUTE rename_person(name, id);
PREPARE rename_person AS
UPDATE people SET name = $1 /*name*/ WHERE id = $2 /*id*/;
