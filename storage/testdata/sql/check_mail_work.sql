-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: a pending mail has work.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_mail_work;
PREPARE check_mail_work AS
SELECT format('mail %s is pending, and there is no work of sending mails', m.id)
FROM mails m
WHERE m.state = 'pending' AND NOT EXISTS (SELECT 1 FROM work WHERE kind = 'deliver_mails');
