-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records that an API key was used now, unless another transaction does so.
-- Given:    @id of the key.
-- Returns:  nothing
-- Locks:    Takes the key, without waiting.
--
-- EXPLAIN EXECUTE record_key_use(id);
PREPARE record_key_use AS
UPDATE api_keys
SET last_used_at = clock_timestamp()
WHERE id = (SELECT id FROM api_keys WHERE id = $1 /*id*/ FOR NO KEY UPDATE SKIP LOCKED);
