-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Stores what was collected for mails.
-- Given:    Arrays with a row for each: @accounts, @batches, @kinds, @news and the last event (@events). For how many seconds the
--           first mail collects: @batch_wait if it is about a batch, else @flood_wait.
-- Returns:  nothing
-- Locks:    The caller holds the row of the outbox.
--
-- EXPLAIN EXECUTE store_mail_digests(accounts, batches, kinds, news, events, flood_wait, batch_wait);
PREPARE store_mail_digests AS
INSERT INTO mail_digests AS d (account, batch, kind, news, event, pending, due_at, wait)
SELECT u.account, u.batch, u.kind, u.news::jsonb, u.event, true, clock_timestamp() + w.wait, w.wait
FROM unnest($1 /*accounts*/::bigint[], $2 /*batches*/::text[], $3 /*kinds*/::text[], $4 /*news*/::text[], $5 /*events*/::text[]) AS u (account, batch, kind, news, event)
CROSS JOIN LATERAL (SELECT make_interval(secs => CASE u.batch WHEN '' THEN $6 /*flood_wait*/::float8 ELSE $7 /*batch_wait*/::float8 END) AS wait) w
ON CONFLICT (account, batch, kind) DO UPDATE
SET news = excluded.news,
	event = excluded.event,
	pending = true;
