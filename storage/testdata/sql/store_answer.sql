-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Stores the answer of a call, in place of one that is older than 24 hours.
-- Given:    @scope and @key of the call, its @fingerprint and its @answer in JSON.
-- Returns:  nothing
-- Locks:    The caller holds the advisory lock of the key.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE store_answer(scope, key, fingerprint, answer);
PREPARE store_answer AS
INSERT INTO idempotency (scope, key, fingerprint, answer)
VALUES ($1 /*scope*/, $2 /*key*/, $3 /*fingerprint*/, $4 /*answer*/)
ON CONFLICT (scope, key) DO UPDATE
SET fingerprint = excluded.fingerprint,
	answer = excluded.answer,
	created_at = excluded.created_at;
