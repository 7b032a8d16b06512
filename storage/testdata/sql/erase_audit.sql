-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Erases from the audit trail the addresses, names and reasons of what an account's keys did, and the
--           emails of the account and the names of its keys from what anyone did to them.
-- Given:    @account.
-- Returns:  nothing
-- Locks:    Takes the entries.
--
-- EXPLAIN EXECUTE erase_audit(account);
PREPARE erase_audit AS
WITH erasable AS (
	SELECT
		id,
		api_key IN (SELECT id FROM api_keys WHERE account = $1 /*account*/) AS own,
		account = $1 /*account*/ AND object IN ('account', 'key', 'person', 'invitation', 'webhook_endpoint') AS about
	FROM audit
	WHERE account = $1 /*account*/ OR api_key IN (SELECT id FROM api_keys WHERE account = $1 /*account*/)
)
UPDATE audit u
SET address = CASE WHEN e.own THEN NULL ELSE u.address END,
	actor_name = CASE WHEN e.own AND u.actor_name IS NOT NULL THEN '[erased]' ELSE u.actor_name END,
	why = CASE WHEN e.own AND u.why IS NOT NULL THEN '[erased]' ELSE u.why END,
	before = CASE WHEN e.about THEN (u.before || CASE WHEN u.before ? 'email' THEN '{"email": "[erased]"}' ELSE '{}' END::jsonb || CASE WHEN u.before ? 'name' THEN '{"name": "[erased]"}' ELSE '{}' END::jsonb || CASE WHEN u.before ? 'networks' THEN '{"networks": "[erased]"}' ELSE '{}' END::jsonb || CASE WHEN u.before ? 'contacts' THEN '{"contacts": "[erased]"}' ELSE '{}' END::jsonb || CASE WHEN u.before ? 'url' THEN '{"url": "[erased]"}' ELSE '{}' END::jsonb || CASE WHEN u.before ? 'description' THEN '{"description": "[erased]"}' ELSE '{}' END::jsonb) ELSE u.before END,
	after = CASE WHEN e.about THEN (u.after || CASE WHEN u.after ? 'email' THEN '{"email": "[erased]"}' ELSE '{}' END::jsonb || CASE WHEN u.after ? 'name' THEN '{"name": "[erased]"}' ELSE '{}' END::jsonb || CASE WHEN u.after ? 'networks' THEN '{"networks": "[erased]"}' ELSE '{}' END::jsonb || CASE WHEN u.after ? 'contacts' THEN '{"contacts": "[erased]"}' ELSE '{}' END::jsonb || CASE WHEN u.after ? 'url' THEN '{"url": "[erased]"}' ELSE '{}' END::jsonb || CASE WHEN u.after ? 'description' THEN '{"description": "[erased]"}' ELSE '{}' END::jsonb) ELSE u.after END
FROM erasable e
WHERE u.id = e.id;
