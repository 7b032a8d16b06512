-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: a database user other than the owner can write accounting, and finds the tables.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_radius_users;
PREPARE check_radius_users AS
WITH writers AS (
	SELECT DISTINCT a.grantee AS id, a.grantee::regrole AS name
	FROM pg_class c
	CROSS JOIN aclexplode(c.relacl) a
	WHERE c.oid = 'radius.radacct'::regclass AND a.privilege_type = 'INSERT' AND a.grantee NOT IN (0, c.relowner)
	  AND NOT has_table_privilege(a.grantee, 'public.work', 'INSERT') -- a user of simtransfer radius
)
SELECT 'no user but the owner of radius.radacct can write accounting: create one for FreeRADIUS with the statements in docs/operations.md. If simtransfer radius receives the accounting, nothing is missing, and this is no longer reported after the first session'
WHERE NOT EXISTS (SELECT 1 FROM writers)
  AND NOT EXISTS (
	SELECT 1
	FROM (SELECT start_packet FROM radius.radacct ORDER BY radacctid DESC LIMIT 1000) latest
	WHERE start_packet IS NOT NULL -- from simtransfer radius
)
UNION ALL
SELECT format('%s does not find the tables, because its search_path is %s: run ALTER ROLE %s%s SET search_path = radius',
	name, coalesce(path.setting, 'not set'), name, CASE WHEN path.in_database THEN format(' IN DATABASE %I', current_database()) END)
FROM writers
LEFT JOIN LATERAL (
	-- As a new connection of the user to this database gets it.
	SELECT substr(setting, 13) AS setting, s.setrole <> 0 AND s.setdatabase <> 0 AS in_database
	FROM pg_db_role_setting s
	CROSS JOIN unnest(s.setconfig) AS setting
	WHERE s.setrole IN (writers.id, 0)
	  AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
	  AND setting LIKE 'search_path=%'
	ORDER BY s.setrole = 0, s.setdatabase = 0
	LIMIT 1
) path ON true
WHERE path.setting IS NULL OR path.setting !~ '\mradius\M'
UNION ALL
SELECT format('%s cannot call the function that stores most starts, so that accounting is slower: run GRANT EXECUTE ON FUNCTION radius.start_session TO %s', name, name)
FROM writers
JOIN pg_proc p ON p.pronamespace = 'radius'::regnamespace AND p.proname = 'start_session'
WHERE NOT has_function_privilege(writers.id, p.oid, 'EXECUTE');
