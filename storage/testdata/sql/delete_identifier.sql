-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Takes an identifier from a SIM.
-- Given:    @identifier; @sim: the id of the SIM.
-- Returns:  nothing
-- Locks:    The caller holds the SIM.
--
-- EXPLAIN EXECUTE delete_identifier(identifier, sim);
PREPARE delete_identifier AS
DELETE FROM identifiers WHERE identifier = $1 /*identifier*/ AND sim = $2 /*sim*/;
