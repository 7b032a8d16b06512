-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records whether the mail server takes mail.
-- Given:    Whether it is in @trouble; for how many seconds nothing is sent (@pause); the @error.
-- Returns:  nothing
-- Locks:    Takes the row of the sender.
--
-- EXPLAIN EXECUTE record_mail_sender(trouble, error, pause);
PREPARE record_mail_sender AS
UPDATE mail_sender
SET failures = CASE WHEN $1 /*trouble*/ THEN failures + 1 ELSE 0 END,
	failing_since = CASE WHEN $1 /*trouble*/ THEN coalesce(failing_since, clock_timestamp()) END,
	failure = CASE WHEN $1 /*trouble*/ THEN $2 /*error*/ END,
	paused_until = CASE WHEN $1 /*trouble*/ THEN clock_timestamp() + make_interval(secs => $3 /*pause*/) END
WHERE $1 /*trouble*/ OR failures > 0;
