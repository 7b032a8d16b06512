-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the log of mails, the latest first.
-- Given:    @account (0: any); @address (empty: any); @request and @states (null: any); @kinds (null: any); @before: only with lower
--           ids (0: all); @limit: maximum number of rows.
-- Returns:  The mails, without what they said.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_mails(account, address, request, states, kinds, before, limit);
PREPARE select_mails AS
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
WHERE ($1 /*account*/::bigint = 0 OR m.account = $1 /*account*/)
  AND ($2 /*address*/ = '' OR m.address = $2 /*address*/)
  AND ($3 /*request*/::uuid IS NULL OR m.request = $3 /*request*/)
  AND ($4 /*states*/::text[] IS NULL OR m.state = ANY ($4 /*states*/))
  AND ($5 /*kinds*/::text[] IS NULL OR m.kind = ANY ($5 /*kinds*/))
  AND ($6 /*before*/::bigint = 0 OR m.id < $6 /*before*/)
ORDER BY m.id DESC
LIMIT $7 /*limit*/;
