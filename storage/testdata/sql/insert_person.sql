-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates a person.
-- Given:    @email in lower case; @name; @verified: whether it was shown that the person reads the mail to this address.
-- Returns:  The id; none if a person has the email.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE insert_person(email, name, verified);
PREPARE insert_person AS
INSERT INTO people (email, name, verified_at)
VALUES ($1 /*email*/, $2 /*name*/, CASE WHEN $3 /*verified*/::boolean THEN clock_timestamp() END)
ON CONFLICT (email) DO NOTHING
RETURNING id;
