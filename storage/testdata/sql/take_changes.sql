-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the endpoints of staff that are to get a message about new entries of the changes feed: at most once a second, and not
--           while they have not received the last message about it. Records that they get it.
-- Given:    The @type of the messages.
-- Returns:  The endpoints, the number of the newest row of changes that has one, and when that got it.
-- Locks:    Takes the endpoints.
--
-- EXPLAIN EXECUTE take_changes(type);
PREPARE take_changes AS
WITH newest AS MATERIALIZED (
	SELECT seq, numbered_at
	FROM changes
	WHERE seq IS NOT NULL
	ORDER BY seq DESC
	LIMIT 1
)
UPDATE webhook_endpoints w
SET changes_seq = newest.seq, changes_at = clock_timestamp()
FROM newest
WHERE w.account IS NULL
  AND w.disabled_at IS NULL
  AND (w.types = '{}' OR $1 /*type*/::text = ANY (w.types))
  AND w.changes_seq < newest.seq
  AND (w.changes_at IS NULL OR w.changes_at < clock_timestamp() - interval '1 s')
  AND NOT EXISTS (
	SELECT 1
	FROM webhook_deliveries d
	JOIN messages m ON m.id = d.message
	WHERE d.endpoint = w.id AND d.state = 'pending' AND m.type = $1 /*type*/
  )
RETURNING w.id AS endpoint, newest.seq, newest.numbered_at AS at;
