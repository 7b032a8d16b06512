-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Gives a new card the status, the plan, the lock and the settings of an old one, without the containers, which are
--           stored on each card.
-- Given:    The ids of the SIMs: @old and @new.
-- Returns:  nothing
-- Locks:    The caller holds both SIMs.
--
-- EXPLAIN EXECUTE take_over(old, new);
PREPARE take_over AS
UPDATE sims s
SET status = o.status,
	plan = o.plan,
	transfer_lock = o.transfer_lock,
	tags = o.tags,
	expiration = o.expiration,
	termination_protection = o.termination_protection,
	sim_group = o.sim_group,
	event_handlers = o.event_handlers,
	speed_class = o.speed_class,
	imei_lock = o.imei_lock
FROM sims o
WHERE o.id = $1 /*old*/ AND s.id = $2 /*new*/;
