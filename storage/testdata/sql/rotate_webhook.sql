-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Gives a webhook endpoint a new secret. The one before stays valid for some time.
-- Given:    @id, the @secret, and for how many @seconds the old one stays valid (0: not at all).
-- Returns:  nothing
-- Locks:    The caller holds the endpoint.
--
-- EXPLAIN EXECUTE rotate_webhook(secret, seconds, id);
PREPARE rotate_webhook AS
UPDATE webhook_endpoints
SET secret = $1 /*secret*/,
	secret_set_at = clock_timestamp(),
	old_secret = CASE WHEN $2 /*seconds*/::float8 > 0 THEN secret END,
	old_secret_until = CASE WHEN $2 /*seconds*/::float8 > 0 THEN clock_timestamp() + make_interval(secs => $2 /*seconds*/) END
WHERE id = $3 /*id*/;
