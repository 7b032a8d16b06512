-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Deletes pull requests whose time limit is longer ago than a period, and the parts of their owners.
-- Given:    @period in seconds; @limit: maximum number of pull requests.
-- Returns:  nothing
-- Locks:    Takes the pull requests, passing over those that another transaction holds.
--
-- EXPLAIN EXECUTE purge_pulls(period, limit);
PREPARE purge_pulls AS
DELETE FROM pulls
WHERE id IN (
	SELECT id
	FROM pulls
	WHERE expires_at < clock_timestamp() - make_interval(secs => $1 /*period*/)
	ORDER BY expires_at
	LIMIT $2 /*limit*/
	FOR UPDATE SKIP LOCKED
);
