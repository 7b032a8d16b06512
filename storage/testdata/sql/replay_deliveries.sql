-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Makes deliveries to a webhook endpoint due again, as if they had never been tried. Those that are pending stay as they are.
-- Given:    @endpoint; @id: only this one (0: all); @states; only of messages that were made from @since to before @until (null:
--           any); @limit: maximum number of rows, the oldest first.
-- Returns:  The number of deliveries.
-- Locks:    Takes the deliveries.
--
-- EXPLAIN EXECUTE replay_deliveries(endpoint, id, states, since, until, limit);
PREPARE replay_deliveries AS
WITH chosen AS MATERIALIZED (
	SELECT id
	FROM webhook_deliveries
	WHERE endpoint = $1 /*endpoint*/
	  AND ($2 /*id*/::bigint = 0 OR id = $2 /*id*/)
	  AND state <> 'pending'
	  AND state = ANY ($3 /*states*/::text[])
	  AND ($4 /*since*/::timestamptz IS NULL OR created_at >= $4 /*since*/)
	  AND ($5 /*until*/::timestamptz IS NULL OR created_at < $5 /*until*/)
	ORDER BY id
	LIMIT $6 /*limit*/
	FOR UPDATE
), replayed AS (
	UPDATE webhook_deliveries d
	SET state = 'pending', attempts = 0, not_before = clock_timestamp(), replayed_at = clock_timestamp()
	FROM chosen
	WHERE d.id = chosen.id
	RETURNING 1
)
SELECT count(*) FROM replayed;
