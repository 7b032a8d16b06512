-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records that a mail to an address got through.
-- Given:    @address.
-- Returns:  nothing
-- Locks:    Takes the row of the address.
--
-- EXPLAIN EXECUTE delete_mail_refusal(address);
PREPARE delete_mail_refusal AS
DELETE FROM mail_refusals WHERE address = $1 /*address*/;
