-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Checks the SIMs of an import.
-- Given:    @limit: maximum number of rows.
-- Returns:  The errors in the order of the import.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_row_errors(limit);
BEGIN;
CREATE TEMPORARY TABLE staged_sims (
	LIKE sims,
	n           integer NOT NULL,
	operator_id text NOT NULL
) ON COMMIT DROP;
ALTER TABLE staged_sims
	ALTER COLUMN id SET DEFAULT nextval('sims_id_seq'),
	DROP COLUMN account,
	DROP COLUMN since;
CREATE TEMPORARY TABLE staged_identifiers (
	n          integer NOT NULL,
	identifier text NOT NULL,
	kind       text NOT NULL
) ON COMMIT DROP;
PREPARE select_row_errors AS
WITH errors AS (
	SELECT s.n, 'account' AS field, s.operator_id AS value, 'unknown_account' AS code
	FROM staged_sims s
	WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.operator_id = s.operator_id)
	UNION ALL
	SELECT s.n, 'plan', s.plan, 'unknown_plan'
	FROM staged_sims s
	WHERE NOT EXISTS (SELECT 1 FROM plans p WHERE p.name = s.plan)
	UNION ALL
	SELECT i.n, i.kind, i.identifier, 'taken'
	FROM staged_identifiers i
	JOIN identifiers USING (identifier)
	UNION ALL
	SELECT n, kind, identifier, 'duplicate'
	FROM (
		SELECT n, kind, identifier, row_number() OVER (PARTITION BY identifier ORDER BY n) AS nth
		FROM staged_identifiers
	) AS i
	WHERE nth > 1
)
SELECT n, field, value, code
FROM errors
ORDER BY n, field, value
LIMIT $1 /*limit*/;
