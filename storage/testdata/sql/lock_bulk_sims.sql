-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks the SIMs of a bulk change.
-- Given:    nothing
-- Returns:  Their number.
-- Locks:    Takes the SIMs by id.
--
-- EXPLAIN EXECUTE lock_bulk_sims;
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
PREPARE lock_bulk_sims AS
SELECT count(*)
FROM (
	SELECT s.id
	FROM bulk_sims b
	JOIN sims s ON s.id = b.sim
	ORDER BY s.id
	FOR NO KEY UPDATE OF s
) locked;
