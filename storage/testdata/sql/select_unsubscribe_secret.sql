-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads the secret with which links to unsubscribe are signed.
-- Given:    nothing
-- Returns:  The secret.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_unsubscribe_secret;
PREPARE select_unsubscribe_secret AS
SELECT secret FROM mail_sender;
