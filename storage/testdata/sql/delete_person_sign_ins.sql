-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Ends all sign-ins of a person.
-- Given:    The @person.
-- Returns:  nothing
-- Locks:    nothing
--
-- EXPLAIN EXECUTE delete_person_sign_ins(person);
PREPARE delete_person_sign_ins AS
DELETE FROM sign_ins WHERE person = $1 /*person*/;
