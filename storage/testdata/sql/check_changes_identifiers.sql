-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: the last identifiers of a SIM in the changes feed are those of the SIM.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_changes_identifiers;
PREPARE check_changes_identifiers AS
SELECT format('SIM %s has the identifiers %s, but %s in the changes feed', sim, identifiers, after)
FROM (
	SELECT DISTINCT ON (sim) sim, kind, after
	FROM changes
	CROSS JOIN LATERAL unnest(sims) AS sim
	WHERE kind IN ('identifiers_changed', 'retired', 'swapped') -- a swap has no identifiers
	ORDER BY sim, seq DESC NULLS FIRST, id DESC
) latest
CROSS JOIN LATERAL (
	SELECT jsonb_build_object(
		'iccid', x.iccid,
		'imsis', ARRAY(SELECT identifier FROM identifiers WHERE sim = x.id AND kind = 'imsi' ORDER BY identifier),
		'msisdns', ARRAY(SELECT identifier FROM identifiers WHERE sim = x.id AND kind = 'msisdn' ORDER BY identifier),
		'eid', xd.eid,
		'external_id', xd.external_id)
	FROM sims x
	LEFT JOIN sim_details xd ON xd.sim = x.id
	WHERE x.id = latest.sim
) AS held (identifiers)
WHERE kind <> 'swapped' AND identifiers IS DISTINCT FROM after;
