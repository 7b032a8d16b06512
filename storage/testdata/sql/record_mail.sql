-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records an attempt to send a mail. When it has ended, what it says is deleted.
-- Given:    @id of the mail; the @state after it, after how many seconds it is tried again (@wait), the @code that the mail
--           server answered (0: none), and the @error (empty: none).
-- Returns:  nothing
-- Locks:    The caller holds the row of work. Takes the mail.
--
-- EXPLAIN EXECUTE record_mail(state, wait, code, error, id);
PREPARE record_mail AS
UPDATE mails
SET state = $1 /*state*/,
	not_before = CASE $1 /*state*/ WHEN 'pending' THEN clock_timestamp() + make_interval(secs => $2 /*wait*/) ELSE not_before END,
	ended_at = CASE WHEN $1 /*state*/ <> 'pending' THEN clock_timestamp() END,
	data = CASE WHEN $1 /*state*/ <> 'pending' THEN '{}' ELSE data END,
	code = nullif($3 /*code*/::int, 0),
	error = nullif($4 /*error*/, '')
WHERE id = $5 /*id*/ AND state = 'pending';
