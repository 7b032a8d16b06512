-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads which account has all SIMs of a bulk change.
-- Given:    nothing
-- Returns:  Its id, 0 if there are several.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_bulk_account;
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
PREPARE select_bulk_account AS
SELECT coalesce(CASE WHEN min(account) = max(account) THEN min(account) END, 0)
FROM bulk_verdicts
WHERE outcome = 'changed';
