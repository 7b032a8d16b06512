-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the source of the transfer code with a hash. It never changes.
-- Given:    @hash.
-- Returns:  The account; no row if there is no such code.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_transfer_code_source(hash);
PREPARE select_transfer_code_source AS
SELECT source FROM transfer_codes WHERE hash = $1 /*hash*/;
