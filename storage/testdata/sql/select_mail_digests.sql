-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads what was collected for mails.
-- Given:    Arrays with a row for each: @accounts, @batches, @kinds.
-- Returns:  Those that exist.
-- Locks:    The caller holds the row of the outbox.
--
-- EXPLAIN EXECUTE select_mail_digests(accounts, batches, kinds);
PREPARE select_mail_digests AS
SELECT d.account, d.batch, d.kind, d.news, d.event
FROM unnest($1 /*accounts*/::bigint[], $2 /*batches*/::text[], $3 /*kinds*/::text[]) AS u (account, batch, kind)
JOIN mail_digests d USING (account, batch, kind);
