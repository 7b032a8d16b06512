-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads by which ICCIDs and EIDs the transfers of a request are found. Of a SIM that the source does not
--           own, that is only what the transfer names.
-- Given:    @request; @open: only open transfers.
-- Returns:  The number of each transfer, the ICCID of its SIM, or else the identifier that it names, and the EID, empty for none.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_transfer_iccids(request, open);
PREPARE select_transfer_iccids AS
SELECT t.n, coalesce(s.iccid, t.identifier) AS iccid, coalesce(d.eid, '') AS eid
FROM transfers t
LEFT JOIN identifiers x ON x.identifier = t.identifier
LEFT JOIN sims s ON s.id = coalesce(t.sim, x.sim) AND s.account = (SELECT source FROM requests WHERE id = $1 /*request*/)
LEFT JOIN sim_details d ON d.sim = s.id
WHERE t.request = $1 /*request*/ AND (NOT $2 /*open*/ OR t.state = 'eligible');
