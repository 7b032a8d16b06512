-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Moves the expiry of a request that waits for a decision, and its next reminder.
-- Given:    @request and its new expiry: @until.
-- Returns:  nothing
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE extend_request(until, request);
PREPARE extend_request AS
UPDATE requests
SET expires_at = $1 /*until*/,
	remind_at = CASE WHEN $1 /*until*/::timestamptz - coalesce(waiting_since, offered_at, created_at) >= make_interval(secs => 600) THEN CASE reminded WHEN 0 THEN coalesce(waiting_since, offered_at, created_at) + make_interval(secs => extract(epoch FROM $1 /*until*/::timestamptz - coalesce(waiting_since, offered_at, created_at)) * 50 / 100) WHEN 1 THEN coalesce(waiting_since, offered_at, created_at) + make_interval(secs => extract(epoch FROM $1 /*until*/::timestamptz - coalesce(waiting_since, offered_at, created_at)) * 90 / 100) END END
WHERE id = $2 /*request*/;
