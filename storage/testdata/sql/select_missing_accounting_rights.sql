-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for rights that the accounting listener needs besides those of the other processes.
-- Given:    nothing
-- Returns:  The GRANT statements that give these rights, each on a line, empty if none is missing.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_missing_accounting_rights;
PREPARE select_missing_accounting_rights AS
SELECT coalesce(string_agg(format('GRANT %s ON %s TO %I', privileges, name, current_user), E'\n' ORDER BY name), '')
FROM (VALUES ('radius.radacct', 'INSERT'), ('radius.nasreload', 'SELECT, INSERT, UPDATE')) AS needed (name, privileges)
WHERE EXISTS (
	SELECT
	FROM unnest(string_to_array(privileges, ', ')) AS privilege
	WHERE NOT has_table_privilege(name, privilege)
);
