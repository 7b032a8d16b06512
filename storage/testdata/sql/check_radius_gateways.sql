-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: every gateway that has an open session is known.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_radius_gateways;
PREPARE check_radius_gateways AS
SELECT format('gateway %s has %s open sessions and is not known, so they cannot be ended: run simtransfer gateways set %s', host(a.nasipaddress), count(*), host(a.nasipaddress))
FROM radius.radacct a
WHERE a.acctstoptime IS NULL
  AND NOT EXISTS (SELECT 1 FROM radius.nas g WHERE g.network >>= radius.plain_address(a.nasipaddress))
GROUP BY a.nasipaddress;
