-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Selects the SIMs that a bulk change names, before they are locked.
-- Given:    nothing
-- Returns:  nothing
-- Locks:    nothing
--
-- EXPLAIN EXECUTE name_bulk_sims;
BEGIN;
CREATE TEMPORARY TABLE bulk_named (
	identifier text PRIMARY KEY
) ON COMMIT DROP;
CREATE TEMPORARY TABLE bulk_sims (
	sim bigint PRIMARY KEY
) ON COMMIT DROP;
CREATE TEMPORARY TABLE bulk_verdicts (
	sim     bigint PRIMARY KEY,
	account bigint NOT NULL,
	iccid   text NOT NULL,
	outcome text NOT NULL,
	status  text NOT NULL
) ON COMMIT DROP;
PREPARE name_bulk_sims AS
INSERT INTO bulk_sims (sim)
SELECT DISTINCT i.sim
FROM bulk_named
JOIN identifiers i USING (identifier)
ORDER BY i.sim;
