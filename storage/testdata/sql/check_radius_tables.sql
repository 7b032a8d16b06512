-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: the tables of FreeRADIUS's queries are there.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_radius_tables;
PREPARE check_radius_tables AS
SELECT format('the table radius.%s is missing: restore it from a backup', name)
FROM unnest(ARRAY['radacct', 'nas', 'radcheck', 'radreply', 'radusergroup', 'radgroupcheck', 'radgroupreply', 'radpostauth', 'nasreload']) AS name
WHERE to_regclass('radius.' || name) IS NULL
UNION ALL
SELECT format('the function radius.%s, which the policy of deployments/freeradius calls, is missing: restore it from a backup', name)
FROM unnest(ARRAY['start_session', 'update_session', 'stop_session', 'access_class', 'access_moving', 'access_groups']) AS name
WHERE to_regproc('radius.' || name) IS NULL;
