-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Deletes old messages with their deliveries, if none of these is pending.
-- Given:    @keep: for how many seconds they are kept; @limit: maximum number of messages.
-- Returns:  The number of messages.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE purge_messages(keep, limit);
PREPARE purge_messages AS
WITH old AS (
	SELECT id
	FROM messages m
	WHERE created_at < clock_timestamp() - make_interval(secs => $1 /*keep*/)
	  AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.message = m.id AND d.state = 'pending')
	ORDER BY created_at
	LIMIT $2 /*limit*/
), deleted AS (
	DELETE FROM messages m
	USING old
	WHERE m.id = old.id
	RETURNING 1
)
SELECT count(*) FROM deleted;
