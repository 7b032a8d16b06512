-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Ends a browser session.
-- Given:    @hash of its secret.
-- Returns:  The id of the API key that was signed in; none if the session has ended.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE delete_sign_in(hash);
PREPARE delete_sign_in AS
DELETE FROM sign_ins WHERE hash = $1 /*hash*/ RETURNING api_key;
