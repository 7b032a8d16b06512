-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds out whether a SIM of a bulk change lost the identifier that names it before it was locked.
-- Given:    nothing
-- Returns:  True or false.
-- Locks:    The caller holds the SIMs.
--
-- EXPLAIN EXECUTE find_bulk_losses;
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
PREPARE find_bulk_losses AS
SELECT EXISTS (
	SELECT sim FROM bulk_sims
	EXCEPT
	SELECT i.sim
	FROM bulk_named
	JOIN identifiers i USING (identifier)
);
