-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Makes work due again, as if it had never failed, unless a worker has leased it.
-- Given:    @ids of work rows; an empty array means all dead work.
-- Returns:  The ids of the rows.
-- Locks:    Takes the work rows.
--
-- EXPLAIN EXECUTE retry_work(ids);
PREPARE retry_work AS
UPDATE work
SET dead_at = NULL, attempts = 0, errors = 0, crashes = 0, dispatched_at = NULL, not_before = clock_timestamp(), error = NULL
WHERE CASE WHEN cardinality($1 /*ids*/::bigint[]) = 0 THEN dead_at IS NOT NULL ELSE id = ANY($1 /*ids*/) END
  AND (lease_until IS NULL OR lease_until < clock_timestamp())
RETURNING id;
