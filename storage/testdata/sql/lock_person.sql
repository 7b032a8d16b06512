-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks a person.
-- Given:    @id of the person.
-- Returns:  The id; none if the person does not exist.
-- Locks:    Takes the person.
--
-- EXPLAIN EXECUTE lock_person(id);
PREPARE lock_person AS
SELECT id FROM people WHERE id = $1 /*id*/ FOR NO KEY UPDATE;
