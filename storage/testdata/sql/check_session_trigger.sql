-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: the trigger on radius.radacct is enabled, and its owner has the rights that it needs.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_session_trigger;
PREPARE check_session_trigger AS
SELECT 'radius.radacct has no enabled trigger session_start: run ALTER TABLE radius.radacct ENABLE TRIGGER session_start'
WHERE NOT EXISTS (
	SELECT
	FROM pg_trigger
	WHERE tgrelid = 'radius.radacct'::regclass AND tgname = 'session_start' AND tgenabled IN ('O', 'A'))
UNION ALL
SELECT format('the owner of the trigger lacks a right: run GRANT %s ON %s TO %s', n.privilege, n.object, p.proowner::regrole)
FROM pg_proc p
CROSS JOIN (VALUES
	('SELECT', 'radius.radacct'), ('UPDATE', 'radius.radacct'),
	('SELECT', 'public.sims'), ('UPDATE', 'public.sims'),
	('SELECT', 'public.identifiers'), ('SELECT', 'public.registrations'), ('INSERT', 'public.work')
) AS n (privilege, object)
WHERE p.oid = 'radius.before_session'::regproc AND NOT has_table_privilege(p.proowner, n.object, n.privilege);
