-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Removes the details of a SIM.
-- Given:    @sim: the id of the SIM.
-- Returns:  nothing
-- Locks:    The caller holds the SIM.
--
-- EXPLAIN EXECUTE delete_sim_details(sim);
PREPARE delete_sim_details AS
DELETE FROM sim_details WHERE sim = $1 /*sim*/;
