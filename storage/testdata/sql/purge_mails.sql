-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Deletes mails that have ended long ago, and refusals as old of addresses that are no contacts any more.
-- Given:    @keep: for how many seconds they are kept; @limit: maximum number of mails.
-- Returns:  The number of mails.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE purge_mails(keep, limit);
PREPARE purge_mails AS
WITH old AS (
	SELECT id
	FROM mails
	WHERE created_at < clock_timestamp() - make_interval(secs => $1 /*keep*/) AND state <> 'pending'
	ORDER BY created_at
	LIMIT $2 /*limit*/
), deleted AS (
	DELETE FROM mails m
	USING old
	WHERE m.id = old.id
	RETURNING 1
), stale AS MATERIALIZED (
	SELECT address
	FROM mail_refusals
	WHERE last_at < clock_timestamp() - make_interval(secs => $1 /*keep*/)
	ORDER BY last_at
	LIMIT 100
), forgotten AS (
	DELETE FROM mail_refusals r
	USING stale
	WHERE r.address = stale.address
	  AND NOT EXISTS (SELECT 1 FROM accounts WHERE email = stale.address)
	  AND NOT EXISTS (SELECT 1 FROM accounts a CROSS JOIN jsonb_each(a.contacts) p WHERE p.value ? stale.address)
)
SELECT count(*) FROM deleted;
