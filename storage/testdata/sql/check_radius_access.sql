-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: database users that answer Access-Requests have the rights for it.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_radius_access;
PREPARE check_radius_access AS
WITH users AS (
	SELECT DISTINCT a.grantee AS id, a.grantee::regrole AS name
	FROM pg_proc p
	CROSS JOIN aclexplode(p.proacl) a
	WHERE p.pronamespace = 'radius'::regnamespace AND p.proname LIKE 'access\_%' AND a.grantee NOT IN (0, p.proowner)
)
SELECT format('%s lacks a right: run GRANT EXECUTE ON FUNCTION %s TO %s', name, p.oid::regproc, name)
FROM users
JOIN pg_proc p ON p.pronamespace = 'radius'::regnamespace AND p.proname LIKE 'access\_%' AND p.proname <> 'access_class'
WHERE NOT has_function_privilege(users.id, p.oid, 'EXECUTE')
UNION ALL
SELECT format('%s lacks a right: run GRANT SELECT ON radius.%s TO %s', users.name, t.name, users.name)
FROM users
CROSS JOIN unnest(ARRAY['radcheck', 'radreply', 'radusergroup', 'radgroupcheck', 'radgroupreply']) AS t (name)
WHERE to_regclass('radius.' || t.name) IS NOT NULL AND NOT has_table_privilege(users.id, 'radius.' || t.name, 'SELECT')
UNION ALL
SELECT format('%s lacks a right: run GRANT INSERT ON radius.radpostauth TO %s', name, name)
FROM users
WHERE to_regclass('radius.radpostauth') IS NOT NULL AND NOT has_table_privilege(users.id, 'radius.radpostauth', 'INSERT');
