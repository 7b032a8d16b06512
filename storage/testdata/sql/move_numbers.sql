-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Moves all MSISDNs of a SIM to another one.
-- Given:    The ids of the SIMs: @old and @new.
-- Returns:  nothing
-- Locks:    The caller holds both SIMs.
--
-- EXPLAIN EXECUTE move_numbers(new, old);
PREPARE move_numbers AS
UPDATE identifiers SET sim = $1 /*new*/ WHERE sim = $2 /*old*/ AND kind = 'msisdn';
