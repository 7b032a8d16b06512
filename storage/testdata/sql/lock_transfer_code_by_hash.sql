-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks the transfer code with a hash.
-- Given:    @hash.
-- Returns:  Its id; no row if there is none.
-- Locks:    Takes the code.
--
-- EXPLAIN EXECUTE lock_transfer_code_by_hash(hash);
PREPARE lock_transfer_code_by_hash AS
SELECT id FROM transfer_codes WHERE hash = $1 /*hash*/ FOR NO KEY UPDATE;
