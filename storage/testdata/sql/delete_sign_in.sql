-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Ends a sign-in.
-- Given:    @hash of its secret.
-- Returns:  The id of the API key that was signed in, or of the person, 0 for the other; none if it has ended.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE delete_sign_in(hash);
PREPARE delete_sign_in AS
DELETE FROM sign_ins
WHERE hash = $1 /*hash*/
RETURNING coalesce(api_key, 0) AS key, coalesce(person, 0) AS person;
