-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks the person whom an OpenID provider knows by a subject.
-- Given:    The @issuer and the @subject.
-- Returns:  The id; none if no person has signed in so.
-- Locks:    Takes the person.
--
-- EXPLAIN EXECUTE lock_person_by_identity(issuer, subject);
PREPARE lock_person_by_identity AS
SELECT id FROM people WHERE issuer = $1 /*issuer*/ AND subject = $2 /*subject*/ FOR NO KEY UPDATE;
