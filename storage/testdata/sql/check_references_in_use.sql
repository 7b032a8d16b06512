-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: a request that asked for a unique reference does not share it with a request that was in use before.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_references_in_use;
PREPARE check_references_in_use AS
WITH RECURSIVE used AS (
	SELECT r.id, r.source, r.reference, r.unique_reference, r.created_at
	FROM requests r
	WHERE (r.source, r.reference) IN (SELECT source, reference FROM requests WHERE unique_reference)
	  AND r.state NOT IN ('rejected', 'canceled', 'declined', 'denied', 'expired')
	  AND NOT (r.state = 'completed' AND r.n_completed = 0)
), lineage AS ( -- with what it retries
	SELECT u.id, u.id AS ancestor, r.retry_of, r.batch
	FROM used u
	JOIN requests r ON r.id = u.id
	UNION ALL
	SELECT l.id, r.id, r.retry_of, r.batch
	FROM lineage l
	JOIN requests r ON r.id = l.retry_of
)
SELECT format('request %s asked for the unique reference %s, which request %s of account %s has, too', later.id, later.reference, earlier.id, later.source)
FROM used later
JOIN used earlier ON earlier.source = later.source AND earlier.reference = later.reference AND earlier.id < later.id
WHERE later.unique_reference
  -- A request that did not ask may have been created at the same time, which can take long for a batch.
  AND (earlier.unique_reference OR earlier.created_at < later.created_at - interval '1 hour')
  AND NOT EXISTS (
	SELECT 1
	FROM lineage a
	JOIN lineage b ON b.ancestor = a.ancestor OR b.batch = a.batch
	WHERE a.id = earlier.id AND b.id = later.id
);
