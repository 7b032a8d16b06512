-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads all identifiers of a SIM.
-- Given:    @sim: the id of the SIM.
-- Returns:  The identifiers as JSON, null if there is no such SIM.
-- Locks:    The caller holds the SIM if the identifiers are recorded with a change.
--
-- EXPLAIN EXECUTE select_sim_identifiers(sim);
PREPARE select_sim_identifiers AS
SELECT (
	SELECT jsonb_build_object(
		'iccid', x.iccid,
		'imsis', ARRAY(SELECT identifier FROM identifiers WHERE sim = x.id AND kind = 'imsi' ORDER BY identifier),
		'msisdns', ARRAY(SELECT identifier FROM identifiers WHERE sim = x.id AND kind = 'msisdn' ORDER BY identifier),
		'eid', xd.eid,
		'external_id', xd.external_id)
	FROM sims x
	LEFT JOIN sim_details xd ON xd.sim = x.id
	WHERE x.id = $1 /*sim*/
);
