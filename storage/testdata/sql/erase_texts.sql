-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Erases the messages of an account's requests, batches, pull requests and transfer codes, the networks from which it tried codes, and the reasons for which its keys ended requests.
-- Given:    @account.
-- Returns:  How many there were.
-- Locks:    Takes all of these.
--
-- EXPLAIN EXECUTE erase_texts(account);
PREPARE erase_texts AS
WITH ended AS (
	SELECT DISTINCT e.request
	FROM events e
	WHERE (e.source = $1 /*account*/ OR e.destination = $1 /*account*/)
	  AND e.api_key IN (SELECT id FROM api_keys WHERE account = $1 /*account*/)
	  AND e.kind IN ('cancel', 'decline', 'deny')
	  AND e.to_state IS NOT NULL
), requests_erased AS (
	UPDATE requests r
	SET message = CASE WHEN r.source = $1 /*account*/ AND r.message IS NOT NULL THEN '[erased]' ELSE r.message END,
		reason = CASE WHEN r.reason IS NOT NULL AND r.id IN (SELECT request FROM ended) THEN '[erased]' ELSE r.reason END
	WHERE r.source = $1 /*account*/ AND r.message IS NOT NULL
	   OR r.id IN (SELECT request FROM ended) AND r.reason IS NOT NULL
	RETURNING 1
), batches_erased AS (
	UPDATE batches
	SET message = '[erased]'
	WHERE account = $1 /*account*/ AND message IS NOT NULL
	RETURNING 1
), pulls_erased AS (
	UPDATE pulls
	SET message = '[erased]'
	WHERE asker = $1 /*account*/ AND message IS NOT NULL
	RETURNING 1
), codes_erased AS (
	UPDATE transfer_codes
	SET message = '[erased]'
	WHERE source = $1 /*account*/ AND message IS NOT NULL
	RETURNING 1
), attempts_forgotten AS (
	DELETE FROM code_attempts
	WHERE account = $1 /*account*/
)
SELECT (SELECT count(*) FROM requests_erased) + (SELECT count(*) FROM batches_erased)
	+ (SELECT count(*) FROM pulls_erased) + (SELECT count(*) FROM codes_erased);
