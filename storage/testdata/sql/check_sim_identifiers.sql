-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: every SIM has its ICCID and an IMSI; one that was retired as a wrong import is terminated, has none and was never transferred.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_sim_identifiers;
PREPARE check_sim_identifiers AS
SELECT format('SIM %s (id %s) has %s IMSIs, and its ICCID names SIM %s', s.iccid, s.id, n.imsis, coalesce(i.sim::text, 'none'))
FROM sims s
LEFT JOIN (SELECT sim, count(*) AS imsis FROM identifiers WHERE kind = 'imsi' GROUP BY sim) n ON n.sim = s.id
LEFT JOIN identifiers i ON i.identifier = s.iccid
LEFT JOIN retired_sims q ON q.sim = s.id
WHERE q.sim IS NULL AND (n.imsis IS NULL OR i.sim IS DISTINCT FROM s.id OR i.kind <> 'iccid')
UNION ALL
SELECT format('retired SIM %s (id %s) is %s', s.iccid, s.id, s.status)
FROM retired_sims q
LEFT JOIN sims s ON s.id = q.sim
WHERE s.status IS DISTINCT FROM 'terminated'
   OR EXISTS (SELECT 1 FROM identifiers i WHERE i.sim = q.sim)
   OR EXISTS (SELECT 1 FROM registrations g WHERE g.sim = q.sim AND g.request IS NOT NULL)
   OR EXISTS (SELECT 1 FROM open_transfers o WHERE o.sim = q.sim);
