-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Counts the outcomes of a bulk change.
-- Given:    nothing
-- Returns:  A row for each outcome, and for each status that a SIM cannot leave so, with the first 10 SIMs, by id.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE count_bulk_verdicts;
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
PREPARE count_bulk_verdicts AS
WITH kinds AS (
	SELECT outcome, CASE outcome WHEN 'sim_status' THEN status ELSE '' END AS status, count(*) AS count
	FROM bulk_verdicts
	GROUP BY 1, 2
)
SELECT outcome, status, count, CASE WHEN outcome IN ('changed', 'unchanged') THEN '{}' ELSE ARRAY(
	SELECT v.iccid
	FROM bulk_verdicts v
	WHERE v.outcome = k.outcome AND (k.status = '' OR v.status = k.status)
	ORDER BY v.sim
	LIMIT 10
) END AS first
FROM kinds k
ORDER BY outcome, status;
