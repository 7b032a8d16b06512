-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Deletes the mails to an account and to those of its people who belong to no other, and what is known about the addresses;
--           removes the account's words from pending mails to others.
-- Given:    @account. It is called before the addresses are erased.
-- Returns:  nothing
-- Locks:    Takes the mails.
--
-- EXPLAIN EXECUTE erase_mails(account);
PREPARE erase_mails AS
WITH addresses AS MATERIALIZED (
	SELECT email AS address FROM accounts WHERE id = $1 /*account*/
	UNION
	SELECT jsonb_array_elements_text(p.value) FROM accounts a CROSS JOIN jsonb_each(a.contacts) p WHERE a.id = $1 /*account*/
	UNION
	SELECT address FROM mails WHERE account = $1 /*account*/
	UNION
	SELECT p.email
	FROM people p
	WHERE p.id IN (SELECT person FROM api_keys WHERE account = $1 /*account*/)
	  AND NOT EXISTS (SELECT 1 FROM api_keys k WHERE k.person = p.id AND k.account IS DISTINCT FROM $1 /*account*/ AND k.revoked_at IS NULL)
), chosen AS (
	DELETE FROM mail_choices WHERE account = $1 /*account*/
), refused AS (
	DELETE FROM mail_refusals WHERE address IN (SELECT address FROM addresses)
), collected AS (
	DELETE FROM mail_digests WHERE account = $1 /*account*/
), words AS (
	UPDATE mails
	SET data = data - '{source_name,message,reason}'::text[]
	WHERE state = 'pending' AND account <> $1 /*account*/
	  AND request IN (SELECT id FROM requests WHERE source = $1 /*account*/ OR destination = $1 /*account*/)
)
DELETE FROM mails
WHERE account = $1 /*account*/ OR state = 'pending' AND data -> 'pull' ->> 'asker' = (SELECT operator_id FROM accounts WHERE id = $1 /*account*/) OR account IS NULL AND address IN (SELECT address FROM addresses);
