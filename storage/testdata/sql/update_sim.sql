-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Changes a SIM.
-- Given:    @sim: the id of the SIM; its @tags; @transfer_lock, @group and @status: the new values, null for no
--           change; an empty @group is none.
-- Returns:  nothing
-- Locks:    The caller holds the SIM.
--
-- EXPLAIN EXECUTE update_sim(transfer_lock, tags, group, status, sim);
PREPARE update_sim AS
UPDATE sims
SET transfer_lock = coalesce($1 /*transfer_lock*/, transfer_lock),
	tags = $2 /*tags*/,
	sim_group = CASE WHEN $3 /*group*/::text IS NULL THEN sim_group ELSE nullif($3 /*group*/, '') END,
	status = coalesce($4 /*status*/, status)
WHERE id = $5 /*sim*/;
