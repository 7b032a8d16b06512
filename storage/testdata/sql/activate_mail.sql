-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records that a worker that has a mail server is there.
-- Given:    @seconds: for how long mails are made without further news of it.
-- Returns:  nothing
-- Locks:    nothing
--
-- EXPLAIN EXECUTE activate_mail(seconds);
PREPARE activate_mail AS
UPDATE mail_sender
SET active_until = greatest(active_until, clock_timestamp() + make_interval(secs => $1 /*seconds*/));
