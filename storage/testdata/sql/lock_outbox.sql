-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks the position up to which events were made into messages.
-- Given:    nothing
-- Returns:  The position, with the tx null if nothing was read yet; no row if another transaction has the lock.
-- Locks:    Takes the row of the outbox, as the first lock of the transaction.
--
-- EXPLAIN EXECUTE lock_outbox;
PREPARE lock_outbox AS
SELECT tx::text::bigint AS tx, id
FROM outbox
WHERE feed = 'events'
FOR UPDATE SKIP LOCKED;
