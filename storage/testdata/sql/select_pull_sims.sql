-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the SIMs of a pull request.
-- Given:    @pull, and @viewer: an owner gets its SIMs, the asker and support (0) get all as they were asked for.
-- Returns:  The ICCIDs, in the order in which they were asked for.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_pull_sims(viewer, pull);
PREPARE select_pull_sims AS
SELECT coalesce(s.iccid, u.iccid)
FROM pulls p
LEFT JOIN pull_owners o ON o.pull = p.id AND o.owner = $1 /*viewer*/
CROSS JOIN LATERAL (
	SELECT nth, iccid, NULL::bigint AS sim
	FROM unnest(p.iccids) WITH ORDINALITY AS asked (iccid, nth)
	WHERE o.pull IS NULL
	UNION ALL
	SELECT nth, NULL, sim
	FROM unnest(o.sims) WITH ORDINALITY AS owned (sim, nth)
) u
LEFT JOIN sims s ON s.id = u.sim
WHERE p.id = $2 /*pull*/
  AND (u.sim IS NULL OR o.decision IS NOT NULL OR s.account = o.owner)
ORDER BY u.nth;
