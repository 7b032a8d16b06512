-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Terminates a SIM.
-- Given:    @sim: its id.
-- Returns:  nothing
-- Locks:    The caller holds the SIM.
--
-- EXPLAIN EXECUTE terminate_sim(sim);
PREPARE terminate_sim AS
UPDATE sims SET status = 'terminated' WHERE id = $1 /*sim*/;
