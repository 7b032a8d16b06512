-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Moves the position up to which events were made into messages.
-- Given:    The position @tx and @id.
-- Returns:  nothing
-- Locks:    The caller holds the row of the outbox.
--
-- EXPLAIN EXECUTE move_outbox(tx, id);
PREPARE move_outbox AS
UPDATE outbox SET tx = $1 /*tx*/::text::xid8, id = $2 /*id*/ WHERE feed = 'events';
