-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks the person with an email.
-- Given:    @email in lower case.
-- Returns:  The id; none if no person has the email.
-- Locks:    Takes the person.
--
-- EXPLAIN EXECUTE lock_person_by_email(email);
PREPARE lock_person_by_email AS
SELECT id FROM people WHERE email = $1 /*email*/ FOR NO KEY UPDATE;
