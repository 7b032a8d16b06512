-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Makes the work of sending mails due.
-- Given:    nothing
-- Returns:  nothing
-- Locks:    Takes the row of work, after the mails were stored.
--
-- EXPLAIN EXECUTE open_mail_work;
PREPARE open_mail_work AS
INSERT INTO work (kind, items, n, queue, not_before)
SELECT 'deliver_mails', ARRAY[1], 1, 'notify_mail', greatest(clock_timestamp(), paused_until)
FROM mail_sender
ON CONFLICT (kind) WHERE kind = 'deliver_mails' DO UPDATE
SET not_before = least(work.not_before, excluded.not_before)
WHERE work.dispatched_at IS NULL;
