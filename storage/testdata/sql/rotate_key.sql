-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Gives an API key a new token, and ends the sign-ins with the key.
-- Given:    @id of the key; @hash and @hint of the new token; @grace: for how many seconds the token before it
--           keeps working; @keep_older: whether it is the token from before the last rotation that keeps working;
--           @expires_at: when the key expires (null: no change).
-- Returns:  nothing
-- Locks:    The caller holds the key.
--
-- EXPLAIN EXECUTE rotate_key(id, keep_older, grace, hash, hint, expires_at);
PREPARE rotate_key AS
WITH ended AS (
	DELETE FROM sign_ins WHERE api_key = $1 /*id*/
)
UPDATE api_keys
SET old_hash = CASE WHEN $2 /*keep_older*/ THEN old_hash WHEN $3 /*grace*/::float8 > 0 THEN hash END,
	old_until = CASE WHEN $3 /*grace*/ > 0 THEN clock_timestamp() + make_interval(secs => $3 /*grace*/) END,
	hash = $4 /*hash*/,
	hint = $5 /*hint*/,
	expires_at = coalesce($6 /*expires_at*/, expires_at)
WHERE id = $1 /*id*/;
