-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Adds work that disconnects the open data sessions of a SIM, and tries dead work of these sessions again.
--           Sessions that have work already keep it.
-- Given:    @sim: its id.
-- Returns:  The radacctid of each open session.
-- Locks:    The caller holds the SIM. Takes dead work of its sessions.
--
-- EXPLAIN EXECUTE drop_sim_sessions(sim);
PREPARE drop_sim_sessions AS
WITH open AS MATERIALIZED (
	SELECT radacctid, nasipaddress
	FROM radius.radacct
	WHERE sim = $1 /*sim*/ AND acctstoptime IS NULL
), revived AS (
	UPDATE work w
	SET dead_at = NULL, attempts = 0, errors = 0, crashes = 0, dispatched_at = NULL, not_before = clock_timestamp(), error = NULL
	FROM open
	WHERE w.kind = 'drop_stray' AND w.items[1] = open.radacctid AND w.dead_at IS NOT NULL
), added AS (
	INSERT INTO work (kind, items, n, gateway, queue)
	SELECT 'drop_stray', ARRAY[radacctid], 1, host(nasipaddress), 'gateway_interactive'
	FROM open
	WHERE NOT EXISTS (SELECT 1 FROM work w WHERE w.kind = 'drop_stray' AND w.items[1] = open.radacctid)
)
SELECT radacctid
FROM open
ORDER BY radacctid;
