-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the identifiers of a bulk change that name none of its SIMs.
-- Given:    nothing
-- Returns:  Their number and the first 10.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_bulk_unknown;
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
PREPARE select_bulk_unknown AS
WITH unknown AS (
	SELECT u.identifier
	FROM bulk_named u
	WHERE NOT EXISTS (SELECT 1 FROM identifiers i JOIN bulk_verdicts v USING (sim) WHERE i.identifier = u.identifier)
)
SELECT (SELECT count(*) FROM unknown) AS count, ARRAY(SELECT identifier FROM unknown ORDER BY identifier LIMIT 10) AS first;
