-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the running transactions that may write events. A transaction that has ended since the
--           statement began counts as one of them.
-- Given:    nothing
-- Returns:  The transactions, oldest first, and then the id of the next one to start.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_feed_waits;
PREPARE select_feed_waits AS
WITH running AS MATERIALIZED (
	WITH locks AS MATERIALIZED (
		SELECT locktype, database, relation, transactionid, classid, objid, objsubid, virtualtransaction, pid, mode
		FROM pg_locks
		WHERE granted
		  AND (locktype = 'transactionid'
			OR database = (SELECT oid FROM pg_database WHERE datname = current_database())
				AND (locktype = 'relation' AND mode IN ('RowShareLock', 'RowExclusiveLock')
					OR locktype = 'advisory' AND classid = 1936289140 AND objid = 1 AND objsubid = 2))
	)
	SELECT
		x::text::bigint AS tx,
		h.pid,
		p.gid,
		coalesce(a.datname, p.database) AS database,
		coalesce(a.usename, p.owner) AS usename,
		a.application_name AS application,
		coalesce(a.xact_start, p.prepared) AS since,
		h.virtualtransaction IS NULL OR EXISTS (
			SELECT 1
			FROM locks l
			JOIN pg_class c ON c.oid = l.relation
			WHERE l.virtualtransaction = h.virtualtransaction
			  AND l.locktype = 'relation'
			  AND c.relnamespace IN (to_regnamespace('radius'), (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('events')))
		) AND NOT EXISTS (
			SELECT 1
			FROM locks l
			WHERE l.virtualtransaction = h.virtualtransaction AND l.locktype = 'advisory'
		) AS writes
	FROM pg_current_snapshot() AS s
	CROSS JOIN pg_snapshot_xip(s) AS x
	LEFT JOIN locks h ON h.locktype = 'transactionid' AND h.mode = 'ExclusiveLock' AND h.transactionid = x::xid
	LEFT JOIN pg_stat_activity a ON a.pid = h.pid
	LEFT JOIN pg_prepared_xacts p ON h.pid IS NULL AND p.transaction = h.transactionid
)
SELECT tx, pid, gid, database, usename, application, since
FROM running
WHERE writes
UNION ALL
SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint, NULL, NULL, NULL, NULL, NULL, NULL
ORDER BY tx;
