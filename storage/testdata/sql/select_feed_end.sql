-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the position of the last event of the feed that can be read now.
-- Given:    @account: only events that it sees (0: all), and the @horizon.
-- Returns:  A cursor; no row if there is no event.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_feed_end(account, horizon);
PREPARE select_feed_end AS
SELECT tx::text::bigint AS tx, id
FROM (
	(
		SELECT e.tx, e.id
		FROM events e
		WHERE $1 /*account*/ = 0 AND true AND e.tx < greatest(pg_snapshot_xmin(pg_current_snapshot()), $2 /*horizon*/::text::xid8)
		ORDER BY e.tx DESC, e.id DESC
		LIMIT 1
	)
	UNION ALL
	(
		SELECT e.tx, e.id
		FROM events e
		WHERE e.source = $1 /*account*/ AND true AND e.tx < greatest(pg_snapshot_xmin(pg_current_snapshot()), $2 /*horizon*/::text::xid8)
		ORDER BY e.tx DESC, e.id DESC
		LIMIT 1
	)
	UNION ALL
	(
		SELECT e.tx, e.id
		FROM events e
		WHERE e.destination = $1 /*account*/ AND true AND e.tx < greatest(pg_snapshot_xmin(pg_current_snapshot()), $2 /*horizon*/::text::xid8)
		ORDER BY e.tx DESC, e.id DESC
		LIMIT 1
	)
) last
ORDER BY last.tx DESC, id DESC
LIMIT 1;
