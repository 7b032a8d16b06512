-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: database users that write accounting have the rights that they need, and wait for locks.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_accounting_users;
PREPARE check_accounting_users AS
WITH writers AS (
	SELECT DISTINCT a.grantee AS id, a.grantee::regrole AS name
	FROM pg_class c
	CROSS JOIN aclexplode(c.relacl) a
	WHERE c.oid = 'radius.radacct'::regclass
	  AND a.privilege_type IN ('INSERT', 'UPDATE')
	  AND a.grantee NOT IN (0, c.relowner)
)
SELECT format('%s lacks a right: run GRANT USAGE ON SCHEMA radius TO %s', name, name)
FROM writers
WHERE NOT has_schema_privilege(id, 'radius', 'USAGE')
UNION ALL
SELECT format('%s lacks a right: run GRANT %s ON radius.radacct TO %s', name, privilege, name)
FROM writers
CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) AS privilege
WHERE NOT has_table_privilege(id, 'radius.radacct', privilege)
UNION ALL
SELECT format('%s does not wait for the transfer of a SIM: run ALTER ROLE %s RESET %s', name, name, split_part(setting, '=', 1))
FROM writers
JOIN pg_db_role_setting s ON s.setrole = writers.id
CROSS JOIN unnest(s.setconfig) AS setting
WHERE setting ~ '^(lock_timeout|statement_timeout)=' AND split_part(setting, '=', 2) !~ '^0';
