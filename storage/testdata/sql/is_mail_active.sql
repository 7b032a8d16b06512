-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds out whether mails are sent: whether a worker that has a mail server was there within a day.
-- Given:    nothing
-- Returns:  True or false.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE is_mail_active;
PREPARE is_mail_active AS
SELECT active_until > clock_timestamp() FROM mail_sender;
