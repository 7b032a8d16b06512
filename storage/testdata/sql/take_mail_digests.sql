-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Takes what was collected for mails and is due. The next mail of the same kind collects for twice as long. A mail about a
--           batch says what happened since the beginning, another one since the last mail.
-- Given:    The highest number of seconds that a mail collects, about a batch (@batch_wait) and about other requests (@flood_wait);
--           for how many seconds what has nothing to send is kept: @batch_keep, @flood_keep; @limit: maximum number of rows.
-- Returns:  What was collected.
-- Locks:    The caller holds the row of the outbox.
--
-- EXPLAIN EXECUTE take_mail_digests(flood_keep, batch_keep, flood_wait, batch_wait, limit);
PREPARE take_mail_digests AS
WITH old AS (
	DELETE FROM mail_digests
	WHERE NOT pending AND due_at < clock_timestamp() - make_interval(secs => CASE batch WHEN '' THEN $1 /*flood_keep*/::float8 ELSE $2 /*batch_keep*/::float8 END)
), due AS MATERIALIZED (
	SELECT account, batch, kind, news, event,
		make_interval(secs => CASE batch WHEN '' THEN $3 /*flood_wait*/::float8 ELSE $4 /*batch_wait*/::float8 END) AS most
	FROM mail_digests
	WHERE due_at <= clock_timestamp() AND pending
	ORDER BY due_at
	LIMIT $5 /*limit*/
), taken AS (
	UPDATE mail_digests d
	SET pending = false,
		news = CASE d.batch WHEN '' THEN '{}' ELSE d.news END,
		wait = least(d.wait * 2, due.most),
		due_at = clock_timestamp() + least(d.wait * 2, due.most)
	FROM due
	WHERE (d.account, d.batch, d.kind) = (due.account, due.batch, due.kind)
)
SELECT account, batch, kind, news, event
FROM due;
