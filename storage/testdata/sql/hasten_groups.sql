-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Makes the messages that are collected for batches due now if all requests of the batch are finished.
-- Given:    @batches.
-- Returns:  nothing
-- Locks:    The caller holds the row of the outbox.
--
-- EXPLAIN EXECUTE hasten_groups(batches);
PREPARE hasten_groups AS
UPDATE message_groups g
SET due_at = clock_timestamp()
WHERE g.batch = ANY ($1 /*batches*/)
  AND g.requests > 0
  AND NOT EXISTS (SELECT 1 FROM requests r WHERE r.batch = g.batch AND r.finished_at IS NULL);
