-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reports whether a SIM has a history that a wrong import does not have.
-- Given:    @sim: its id.
-- Returns:  Whether it was transferred, and whether it took part in a swap.
-- Locks:    The caller holds the SIM.
--
-- EXPLAIN EXECUTE select_sim_past(sim);
PREPARE select_sim_past AS
SELECT
	EXISTS (SELECT 1 FROM registrations WHERE sim = $1 /*sim*/ AND request IS NOT NULL) AS transferred,
	EXISTS (SELECT 1 FROM swaps WHERE old_sim = $1 /*sim*/ OR new_sim = $1 /*sim*/) AS swapped;
