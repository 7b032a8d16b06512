-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: the audit trail is append-only: the triggers that guard it are enabled.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_audit_guard;
PREPARE check_audit_guard AS
SELECT format('audit has no enabled trigger %s: run ALTER TABLE audit ENABLE TRIGGER %s', name, name)
FROM unnest(ARRAY['audit_guard', 'audit_guard_truncate']) AS name
WHERE NOT EXISTS (
	SELECT
	FROM pg_trigger
	WHERE tgrelid = 'audit'::regclass AND tgname = name AND tgenabled IN ('O', 'A'));
