-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the SIM that has an identifier.
-- Given:    @identifier.
-- Returns:  The id, the ICCID and the owner of the SIM, and the kind of the identifier; none if no SIM has it.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_holder(identifier);
PREPARE select_holder AS
SELECT i.sim, i.kind, s.iccid, a.operator_id
FROM identifiers i
JOIN sims s ON s.id = i.sim
JOIN accounts a ON a.id = s.account
WHERE i.identifier = $1 /*identifier*/;
