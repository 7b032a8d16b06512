-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks a transfer code.
-- Given:    @id.
-- Returns:  The id; no row if there is no such code.
-- Locks:    Takes the code.
--
-- EXPLAIN EXECUTE lock_transfer_code(id);
PREPARE lock_transfer_code AS
SELECT id FROM transfer_codes WHERE id = $1 /*id*/ FOR NO KEY UPDATE;
