-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates a webhook endpoint, which gets messages about the changes that come from now on.
-- Given:    @id, the @account (0: staff), @url, @description, the @types of messages (empty: all), the @secret, and how many
--           endpoints the account can have: @limit.
-- Returns:  A row, unless there are too many.
-- Locks:    The caller holds the account, or the advisory lock of staff, which an earlier statement has taken.
--
-- EXPLAIN EXECUTE insert_webhook(id, account, url, description, types, secret, limit);
PREPARE insert_webhook AS
INSERT INTO webhook_endpoints (id, account, url, description, types, secret, changes_seq)
SELECT $1 /*id*/, nullif($2 /*account*/::bigint, 0), $3 /*url*/, $4 /*description*/, $5 /*types*/, $6 /*secret*/, coalesce((SELECT max(seq) FROM changes), 0)
WHERE (SELECT count(*) FROM webhook_endpoints WHERE coalesce(account, 0) = $2 /*account*/) < $7 /*limit*/
RETURNING id;
