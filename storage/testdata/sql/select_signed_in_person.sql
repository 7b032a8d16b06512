-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads which person has signed in.
-- Given:    @hash of the secret of the sign-in.
-- Returns:  The id of the person; none if the sign-in has ended or is that of an API key.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_signed_in_person(hash);
PREPARE select_signed_in_person AS
SELECT person FROM sign_ins WHERE hash = $1 /*hash*/ AND person IS NOT NULL AND expires_at > clock_timestamp();
