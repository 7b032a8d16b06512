-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Checks the SIMs of an import.
-- Given:    @limit: maximum number of rows. @alike: how many values of the same field with the same code are rows of their own.
-- Returns:  The errors in the order of the import, each with the first SIMs that have it and their number, and the total of all errors.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_row_errors(alike, limit);
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
PREPARE select_row_errors AS
WITH errors AS (
	SELECT s.n, 'account' AS field, s.operator_id AS value, 'unknown_account' AS code
	FROM staged_sims s
	WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.operator_id = s.operator_id)
	UNION ALL
	SELECT s.n, 'account', s.operator_id, 'account_closed'
	FROM staged_sims s
	JOIN accounts a USING (operator_id)
	WHERE a.standing = 'closed'
	UNION ALL
	SELECT s.n, 'plan', s.plan, 'unknown_plan'
	FROM staged_sims s
	WHERE NOT EXISTS (SELECT 1 FROM plans p WHERE p.name = s.plan)
	UNION ALL
	SELECT s.n, 'plan', s.plan, 'plan_not_available'
	FROM staged_sims s
	JOIN accounts a USING (operator_id)
	WHERE s.plan <> ALL (nullif(a.plans, '{}'))
	UNION ALL
	SELECT s.n, 'external_id', s.external_id, 'taken'
	FROM staged_sims s
	JOIN sim_details d USING (external_id)
	UNION ALL
	SELECT n, 'external_id', external_id, 'duplicate'
	FROM (SELECT n, external_id, row_number() OVER (PARTITION BY external_id ORDER BY n) AS nth FROM staged_sims) AS s
	WHERE nth > 1 AND external_id IS NOT NULL
	UNION ALL
	(
		SELECT i.n, i.kind, CASE i.kind WHEN 'iccid' THEN s.iccid ELSE i.identifier END, 'taken'
		FROM staged_identifiers i
		JOIN identifiers USING (identifier)
		JOIN staged_sims s USING (n)
		UNION -- an ICCID is staged in both its forms
		SELECT n, kind, CASE kind WHEN 'iccid' THEN iccid ELSE identifier END, 'duplicate'
		FROM (
			SELECT i.n, i.kind, i.identifier, s.iccid, row_number() OVER (PARTITION BY i.identifier ORDER BY i.n) AS nth
			FROM staged_identifiers i
			JOIN staged_sims s USING (n)
		) AS i
		WHERE nth > 1
	)
), ranked AS (
	SELECT *, dense_rank() OVER (PARTITION BY field, code ORDER BY value) AS nth
	FROM errors
), kinds AS (
	SELECT n, field, value, code, max(nth) OVER (PARTITION BY field, code) > $1 /*alike*/ AS example
	FROM ranked
)
SELECT
	(array_agg(n ORDER BY n))[1:10] AS rows, count(*) AS count, field, (array_agg(value ORDER BY n))[1] AS value, code, example,
	sum(count(*)) OVER () AS total
FROM kinds
GROUP BY field, code, example, CASE WHEN NOT example THEN value END
ORDER BY min(n), field, value
LIMIT $2 /*limit*/;
