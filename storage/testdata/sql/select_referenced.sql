-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the first request of an account that keeps a reference in use. One that is over without having transferred
--           a SIM does not.
-- Given:    @account and the @reference. The @request that is to be reopened or retried (null: none): those of its batch,
--           those that it retries and those that retry any of these do not count.
-- Returns:  Its id and its batch; no row if there is none.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_referenced(request, reference, account);
PREPARE select_referenced AS
WITH RECURSIVE retried AS (
	SELECT id, retry_of, batch
	FROM requests
	WHERE id = $1 /*request*/::uuid
	UNION ALL
	SELECT r.id, r.retry_of, r.batch
	FROM retried
	JOIN requests r ON r.id = retried.retry_of
), retries AS (
	SELECT id
	FROM retried
	UNION
	SELECT r.id
	FROM retries
	JOIN requests r ON r.retry_of = retries.id
)
SELECT id, batch
FROM requests
WHERE reference = $2 /*reference*/
  AND source = $3 /*account*/
  AND state NOT IN ('rejected', 'canceled', 'declined', 'denied', 'expired')
  AND NOT (state = 'completed' AND n_completed = 0)
  AND id NOT IN (SELECT id FROM retries)
  AND NOT coalesce(batch IN (SELECT batch FROM retried), false)
ORDER BY id
LIMIT 1;
