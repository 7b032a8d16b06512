-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Changes a SIM.
-- Given:    @sim: the id of the SIM; its @tags; @transfer_lock, @termination_protection, @group and @status: the
--           new values, null for no change; an empty @group is none.
-- Returns:  nothing
-- Locks:    The caller holds the SIM.
--
-- EXPLAIN EXECUTE update_sim(transfer_lock, termination_protection, tags, group, status, sim);
PREPARE update_sim AS
UPDATE sims
SET transfer_lock = coalesce($1 /*transfer_lock*/, transfer_lock),
	termination_protection = coalesce($2 /*termination_protection*/, termination_protection),
	tags = $3 /*tags*/,
	sim_group = CASE WHEN $4 /*group*/::text IS NULL THEN sim_group ELSE nullif($4 /*group*/, '') END,
	status = coalesce($5 /*status*/, status)
WHERE id = $6 /*sim*/;
