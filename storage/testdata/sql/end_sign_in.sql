-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Ends a sign-in.
-- Given:    @id of the sign-in.
-- Returns:  nothing
-- Locks:    The caller holds the sign-in.
--
-- EXPLAIN EXECUTE end_sign_in(id);
PREPARE end_sign_in AS
DELETE FROM sign_ins WHERE id = $1 /*id*/;
