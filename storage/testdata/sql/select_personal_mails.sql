-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the mails to the contacts of an account, and to its people, the latest first.
-- Given:    @account; @limit: maximum number of rows.
-- Returns:  The mails, without what they said.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_personal_mails(account, limit);
PREPARE select_personal_mails AS
SELECT
	m.id,
	m.event,
	a.operator_id AS account,
	m.address,
	m.kind,
	m.type,
	m.request,
	m.state,
	m.attempts,
	m.created_at,
	CASE WHEN m.state = 'pending' THEN greatest(m.not_before, (SELECT paused_until FROM mail_sender)) END AS next_attempt,
	m.attempted_at,
	m.ended_at,
	m.code,
	m.error
FROM mails m
LEFT JOIN accounts a ON a.id = m.account
WHERE m.account = $1 /*account*/
   OR m.account IS NULL AND m.address IN (SELECT email FROM people WHERE id IN (SELECT person FROM api_keys WHERE account = $1 /*account*/))
ORDER BY m.id DESC
LIMIT $2 /*limit*/;
