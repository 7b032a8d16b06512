-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Replaces external ids of accounts, which have ext: before them, by the operator ids. An external id that no account has stays.
-- Given:    nothing
-- Returns:  nothing
-- Locks:    nothing
--
-- EXPLAIN EXECUTE resolve_staged_accounts;
BEGIN;
CREATE TEMPORARY TABLE staged_sims (
	LIKE sims,
	n           integer NOT NULL,
	operator_id text NOT NULL,
	eid         text,
	lot         text,
	external_id text
) ON COMMIT DROP;
ALTER TABLE staged_sims
	ALTER COLUMN id SET DEFAULT nextval('sims_id_seq'),
	DROP COLUMN account,
	DROP COLUMN since,
	DROP COLUMN updated_at;
CREATE TEMPORARY TABLE staged_identifiers (
	n          integer NOT NULL,
	identifier text NOT NULL,
	kind       text NOT NULL
) ON COMMIT DROP;
PREPARE resolve_staged_accounts AS
UPDATE staged_sims s
SET operator_id = a.operator_id
FROM accounts a
WHERE s.operator_id LIKE 'ext:%' AND a.external_id = substr(s.operator_id, 5);
