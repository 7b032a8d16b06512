-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: the triggers on radius.radacct are enabled, and their owner has the rights that it needs.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_session_trigger;
PREPARE check_session_trigger AS
SELECT format('radius.radacct has no enabled trigger %s: run ALTER TABLE radius.radacct ENABLE TRIGGER %s', name, name)
FROM unnest(ARRAY['session_start', 'session_news']) AS name
WHERE NOT EXISTS (
	SELECT
	FROM pg_trigger
	WHERE tgrelid = 'radius.radacct'::regclass AND tgname = name AND tgenabled IN ('O', 'A'))
UNION ALL
SELECT format('the owner of the trigger lacks a right: run GRANT %s ON %s TO %s', n.privilege, n.object, p.proowner::regrole)
FROM pg_proc p
CROSS JOIN (VALUES
	('SELECT', 'radius.radacct'), ('UPDATE', 'radius.radacct'),
	('SELECT', 'public.sims'), ('UPDATE', 'public.sims'),
	('SELECT', 'public.identifiers'), ('SELECT', 'public.registrations'), ('INSERT', 'public.work')
) AS n (privilege, object)
WHERE p.oid = 'radius.before_session'::regproc AND NOT has_table_privilege(p.proowner, n.object, n.privilege);
