-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: the changes feed is numbered without gaps, and no change waits for its number for more than 10 minutes.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_changes_numbered;
PREPARE check_changes_numbered AS
SELECT format('%s changes have numbers from %s to %s', n, lo, hi)
FROM (SELECT count(seq) AS n, min(seq) AS lo, max(seq) AS hi FROM changes) numbers
WHERE n > 0 AND (lo <> 1 OR hi <> n)
UNION ALL
SELECT format('change %s of %s has no number: no scheduler is running, and no client reads the feed', id, at)
FROM changes
WHERE seq IS NULL AND at < clock_timestamp() - interval '10 minutes';
