-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Moves an identifier from one SIM to another.
-- Given:    @identifier; the ids of the SIMs: @from and @sim.
-- Returns:  nothing
-- Locks:    The caller holds both SIMs.
--
-- EXPLAIN EXECUTE move_identifier(sim, identifier, from);
PREPARE move_identifier AS
UPDATE identifiers SET sim = $1 /*sim*/ WHERE identifier = $2 /*identifier*/ AND sim = $3 /*from*/;
