-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records that it was shown that a person reads the mail to its address. If this is the first time, the sign-ins
--           from before end: another one can have opened them.
-- Given:    @id of the person.
-- Returns:  nothing
-- Locks:    The caller holds the person.
--
-- EXPLAIN EXECUTE verify_person(id);
PREPARE verify_person AS
WITH verified AS (
	UPDATE people SET verified_at = clock_timestamp() WHERE id = $1 /*id*/ AND verified_at IS NULL RETURNING id
)
DELETE FROM sign_ins WHERE person IN (SELECT id FROM verified);
