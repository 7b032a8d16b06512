-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Writes the reminders that are due of some requests that wait for a decision, and sets when their next ones
--           are due. If several are due of a request, it writes the last one.
-- Given:    @requests: their ids.
-- Returns:  nothing
-- Locks:    The caller holds the requests.
--
-- EXPLAIN EXECUTE remind(requests);
PREPARE remind AS
WITH due AS MATERIALIZED (
	SELECT
		id,
		(clock_timestamp() >= coalesce(waiting_since, offered_at, created_at) + make_interval(secs => extract(epoch FROM expires_at - coalesce(waiting_since, offered_at, created_at)) * 50 / 100))::int + (clock_timestamp() >= coalesce(waiting_since, offered_at, created_at) + make_interval(secs => extract(epoch FROM expires_at - coalesce(waiting_since, offered_at, created_at)) * 90 / 100))::int AS sent,
		reminded AS was,
		coalesce(waiting_since, offered_at, created_at) AS since
	FROM requests
	WHERE id = ANY ($1 /*requests*/::uuid[])
), marked AS (
	UPDATE requests r
	SET reminded = due.sent,
		remind_at = CASE WHEN r.expires_at - due.since >= make_interval(secs => 600) THEN CASE due.sent WHEN 0 THEN due.since + make_interval(secs => extract(epoch FROM r.expires_at - due.since) * 50 / 100) WHEN 1 THEN due.since + make_interval(secs => extract(epoch FROM r.expires_at - due.since) * 90 / 100) END END,
		last_event = last_event + 1,
		last_tx = greatest(last_tx, pg_current_xact_id())
	FROM due
	WHERE r.id = due.id AND due.sent > due.was
	RETURNING r.*
)
INSERT INTO events (request, source, destination, seq, tx, kind, party, detail)
SELECT
	id,
	source,
	CASE WHEN offered_at IS NOT NULL THEN destination END,
	last_event,
	last_tx,
	'remind',
	'system',
	jsonb_build_object(
		'percent', CASE reminded WHEN 1 THEN 50 WHEN 2 THEN 90 END,
		'waiting_for', CASE state WHEN 'in_review' THEN 'support' ELSE 'destination' END,
		'expires_at', to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
	)
FROM marked;
