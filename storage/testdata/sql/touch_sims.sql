-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Sets the time of the last change of SIMs, by the trigger sim_updated.
-- Given:    @sims: their ids.
-- Returns:  nothing
-- Locks:    The caller holds the SIMs.
--
-- EXPLAIN EXECUTE touch_sims(sims);
PREPARE touch_sims AS
UPDATE sims SET iccid = iccid WHERE id = ANY ($1 /*sims*/::bigint[]);
