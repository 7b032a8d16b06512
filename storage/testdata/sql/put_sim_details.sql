-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Sets the details of a SIM.
-- Given:    @sim: the id of the SIM; its @eid, @lot and @external_id, at least one of them not null.
-- Returns:  nothing
-- Locks:    The caller holds the SIM.
--
-- EXPLAIN EXECUTE put_sim_details(sim, eid, lot, external_id);
PREPARE put_sim_details AS
INSERT INTO sim_details (sim, eid, lot, external_id)
VALUES ($1 /*sim*/, $2 /*eid*/, $3 /*lot*/, $4 /*external_id*/)
ON CONFLICT (sim) DO UPDATE
SET eid = excluded.eid,
	lot = excluded.lot,
	external_id = excluded.external_id;
