-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates the identifiers of an import, in order, so that two imports cannot deadlock.
-- Given:    nothing
-- Returns:  nothing
-- Locks:    nothing
--
-- EXPLAIN EXECUTE import_identifiers;
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
PREPARE import_identifiers AS
INSERT INTO identifiers (identifier, sim, kind)
SELECT i.identifier, s.id, i.kind
FROM staged_identifiers i
JOIN staged_sims s USING (n)
ORDER BY i.identifier;
