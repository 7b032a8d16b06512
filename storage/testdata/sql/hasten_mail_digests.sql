-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Makes the mails that are collected for batches due soon if all requests of the batch are finished.
-- Given:    @batches, and in how many @seconds.
-- Returns:  nothing
-- Locks:    The caller holds the row of the outbox.
--
-- EXPLAIN EXECUTE hasten_mail_digests(seconds, batches);
PREPARE hasten_mail_digests AS
UPDATE mail_digests d
SET due_at = clock_timestamp() + make_interval(secs => $1 /*seconds*/)
WHERE d.batch = ANY ($2 /*batches*/)
  AND d.pending
  AND NOT EXISTS (SELECT 1 FROM requests r WHERE r.batch = d.batch::uuid AND r.finished_at IS NULL);
