-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the SIM that has an external id.
-- Given:    @external_id; @sim: the id of a SIM that may have it.
-- Returns:  The ICCID of another SIM that has it; none if there is none.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_external_id_holder(external_id, sim);
PREPARE select_external_id_holder AS
SELECT s.iccid
FROM sim_details d
JOIN sims s ON s.id = d.sim
WHERE d.external_id = $1 /*external_id*/ AND d.sim <> $2 /*sim*/;
