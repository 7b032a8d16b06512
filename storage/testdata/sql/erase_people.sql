-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Erases the people of an account who belong to no other account and not to the staff, with their sign-ins and what
--           the audit trail says about them outside of accounts, and the invitations of the account.
-- Given:    @account.
-- Returns:  How many people there were.
-- Locks:    Takes the people, the invitations and the entries.
--
-- EXPLAIN EXECUTE erase_people(account);
PREPARE erase_people AS
WITH erased AS (
	UPDATE people
	SET email = 'erased-' || id || '@erased.invalid', name = 'erased', issuer = NULL, subject = NULL, verified_at = NULL,
		disabled_at = coalesce(disabled_at, clock_timestamp())
	WHERE id IN (SELECT person FROM api_keys WHERE account = $1 /*account*/)
	  AND NOT EXISTS (
		SELECT 1 FROM api_keys k WHERE k.person = people.id AND k.account IS DISTINCT FROM $1 /*account*/ AND k.revoked_at IS NULL
	  )
	RETURNING id
), signed_out AS (
	DELETE FROM sign_ins WHERE person IN (SELECT id FROM erased)
), invitations_erased AS (
	UPDATE invitations
	SET email = 'erased-' || id || '@erased.invalid', name = 'erased',
		revoked_at = CASE WHEN accepted_at IS NULL THEN coalesce(revoked_at, clock_timestamp()) END
	WHERE account = $1 /*account*/
), acts_erased AS (
	UPDATE audit
	SET address = NULL, actor_name = '[erased]'
	WHERE person IN (SELECT id FROM erased) AND api_key IS NULL
), names_erased AS (
	UPDATE audit
	SET before = (before || CASE WHEN before ? 'email' THEN '{"email": "[erased]"}' ELSE '{}' END::jsonb || CASE WHEN before ? 'name' THEN '{"name": "[erased]"}' ELSE '{}' END::jsonb || CASE WHEN before ? 'networks' THEN '{"networks": "[erased]"}' ELSE '{}' END::jsonb || CASE WHEN before ? 'contacts' THEN '{"contacts": "[erased]"}' ELSE '{}' END::jsonb || CASE WHEN before ? 'url' THEN '{"url": "[erased]"}' ELSE '{}' END::jsonb || CASE WHEN before ? 'description' THEN '{"description": "[erased]"}' ELSE '{}' END::jsonb), after = (after || CASE WHEN after ? 'email' THEN '{"email": "[erased]"}' ELSE '{}' END::jsonb || CASE WHEN after ? 'name' THEN '{"name": "[erased]"}' ELSE '{}' END::jsonb || CASE WHEN after ? 'networks' THEN '{"networks": "[erased]"}' ELSE '{}' END::jsonb || CASE WHEN after ? 'contacts' THEN '{"contacts": "[erased]"}' ELSE '{}' END::jsonb || CASE WHEN after ? 'url' THEN '{"url": "[erased]"}' ELSE '{}' END::jsonb || CASE WHEN after ? 'description' THEN '{"description": "[erased]"}' ELSE '{}' END::jsonb)
	WHERE object = 'person' AND account IS NULL AND object_id IN (SELECT id::text FROM erased)
	  AND NOT (person IN (SELECT id FROM erased) AND api_key IS NULL)
)
SELECT count(*) FROM erased;
