-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Deletes transfer codes whose time is over since longer than a period.
-- Given:    @period in seconds; @limit: maximum number of codes.
-- Returns:  nothing
-- Locks:    Takes the codes, passing over those that another transaction holds.
--
-- EXPLAIN EXECUTE purge_transfer_codes(period, limit);
PREPARE purge_transfer_codes AS
DELETE FROM transfer_codes
WHERE id IN (
	SELECT id
	FROM transfer_codes
	WHERE expires_at < clock_timestamp() - make_interval(secs => $1 /*period*/)
	ORDER BY expires_at
	LIMIT $2 /*limit*/
	FOR UPDATE SKIP LOCKED
);
