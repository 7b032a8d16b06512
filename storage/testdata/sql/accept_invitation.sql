-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records who has accepted an invitation.
-- Given:    @id of the invitation; the @person.
-- Returns:  nothing
-- Locks:    The caller holds the invitation.
--
-- EXPLAIN EXECUTE accept_invitation(person, id);
PREPARE accept_invitation AS
UPDATE invitations SET accepted_at = clock_timestamp(), person = $1 /*person*/ WHERE id = $2 /*id*/;
