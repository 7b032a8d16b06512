-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records at a webhook endpoint how the last attempts went.
-- Given:    @endpoint; whether one has @succeeded; the last @failure (empty: none); whether the endpoint is @slow; for how many
--           seconds to @pause; @patience: after how many seconds of failures it is to be disabled.
-- Returns:  Whether it has failed for too long.
-- Locks:    The caller holds the row of work. Takes the endpoint.
--
-- EXPLAIN EXECUTE record_webhook_health(succeeded, failure, slow, pause, endpoint, patience);
PREPARE record_webhook_health AS
UPDATE webhook_endpoints
SET last_success_at = CASE WHEN $1 /*succeeded*/ THEN clock_timestamp() ELSE last_success_at END,
	last_failure_at = CASE WHEN $2 /*failure*/ <> '' THEN clock_timestamp() ELSE last_failure_at END,
	last_failure = coalesce(nullif($2 /*failure*/, ''), last_failure),
	failing_since = CASE WHEN NOT $1 /*succeeded*/ THEN coalesce(failing_since, clock_timestamp()) END,
	failures = CASE WHEN $1 /*succeeded*/ THEN 0 ELSE failures + 1 END,
	slow = $3 /*slow*/,
	paused_until = CASE WHEN $4 /*pause*/::float8 > 0 THEN clock_timestamp() + make_interval(secs => $4 /*pause*/) END
WHERE id = $5 /*endpoint*/
RETURNING coalesce(failing_since < clock_timestamp() - make_interval(secs => $6 /*patience*/), false);
