-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads a SIM by its id.
-- Given:    @sim: its id.
-- Returns:  The SIM; none if there is no such SIM.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_sim_by_id(sim);
PREPARE select_sim_by_id AS
SELECT
	s.id,
	a.operator_id,
	a.external_id AS account_external_id,
	s.since,
	s.iccid,
	ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'imsi' ORDER BY identifier) AS imsis,
	ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'msisdn' ORDER BY identifier) AS msisdns,
	s.status,
	s.plan,
	s.transfer_lock,
	greatest(s.since, s.updated_at) AS updated_at,
	q.at AS retired_at,
	d.eid,
	d.lot,
	d.external_id,
	s.tags,
s.expiration,
s.termination_protection,
s.sim_group,
s.event_handlers,
s.speed_class,
s.containers,
s.imei_lock,
	(SELECT true FROM radius.radacct WHERE sim = s.id AND acctstoptime IS NULL LIMIT 1) IS NOT NULL AS online,
	o.request,
	r.state AS request_state,
	r.expires_at AS request_expires_at
FROM sims s
JOIN accounts a ON a.id = s.account
LEFT JOIN sim_details d ON d.sim = s.id
LEFT JOIN retired_sims q ON q.sim = s.id
LEFT JOIN open_transfers o ON o.sim = s.id
LEFT JOIN requests r ON r.id = o.request
WHERE s.id = $1 /*sim*/;
