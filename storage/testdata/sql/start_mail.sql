-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Takes the mail that is due longest, and counts an attempt to send it.
-- Given:    nothing
-- Returns:  The mail, with what decides whether it is still true; no row if none is due.
-- Locks:    The caller holds the row of work. Takes the mail.
--
-- EXPLAIN EXECUTE start_mail;
PREPARE start_mail AS
WITH due AS MATERIALIZED (
	SELECT id
	FROM mails
	WHERE state = 'pending' AND not_before <= clock_timestamp()
	ORDER BY not_before, id
	LIMIT 1
)
UPDATE mails m
SET attempts = attempts + 1, attempted_at = clock_timestamp()
FROM due
WHERE m.id = due.id
RETURNING
	m.id,
	m.message_id,
	m.event,
	coalesce(m.account, 0) AS account,
	m.address,
	m.kind,
	m.type,
	m.request,
	m.data,
	m.attempts,
	extract(epoch FROM clock_timestamp() - m.created_at)::float8 AS seconds,
	(SELECT secret FROM mail_sender) AS secret,
	coalesce((SELECT r.state FROM requests r WHERE r.id = m.request), '') AS request_state,
	coalesce((SELECT r.expires_at <= clock_timestamp() FROM requests r WHERE r.id = m.request), false) AS time_is_over,
	EXISTS (SELECT 1 FROM mail_choices x WHERE (x.account, x.address, x.kind) = (coalesce(m.account, 0), m.address, m.kind)) AS turned_off,
	m.type = 'pull_request' AND NOT EXISTS (
		SELECT 1
		FROM pull_owners o
		JOIN pulls p ON p.id = o.pull
		WHERE o.owner = m.account
		  AND coalesce(m.data -> 'pull' ->> 'id', p.id::text) = p.id::text
		  AND o.decision IS NULL
		  AND p.canceled_at IS NULL
		  AND p.expires_at > clock_timestamp()
	) AS pull_is_over;
