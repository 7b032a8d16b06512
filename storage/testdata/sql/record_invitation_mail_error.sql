-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records why the link of an invitation could not be mailed.
-- Given:    @id of the invitation; the @error.
-- Returns:  nothing
-- Locks:    nothing
--
-- EXPLAIN EXECUTE record_invitation_mail_error(error, id);
PREPARE record_invitation_mail_error AS
UPDATE invitations SET mail_error = $1 /*error*/ WHERE id = $2 /*id*/;
