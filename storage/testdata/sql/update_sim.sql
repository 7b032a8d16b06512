-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Changes a SIM.
-- Given:    @sim: the id of the SIM; the new values of its @status, @plan and @transfer_lock, and its @settings as JSON.
-- Returns:  nothing
-- Locks:    The caller holds the SIM.
--
-- EXPLAIN EXECUTE update_sim(status, plan, transfer_lock, settings, sim);
PREPARE update_sim AS
UPDATE sims s
SET status = $1 /*status*/,
	plan = $2 /*plan*/,
	transfer_lock = $3 /*transfer_lock*/,
	tags = new.tags,
	expiration = new.expiration,
	termination_protection = new.termination_protection,
	sim_group = new.sim_group,
	event_handlers = new.event_handlers,
	speed_class = new.speed_class,
	containers = new.containers,
	imei_lock = new.imei_lock
FROM jsonb_populate_record(NULL::sim_settings, $4 /*settings*/) new
WHERE s.id = $5 /*sim*/;
