-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Links open data sessions to their SIMs, makes SIMs that are ready active, and adds work to disconnect the
--           sessions that outlived a transfer of their SIM.
-- Given:    @sessions: radacctids, and as many @sims: the ids of their SIMs.
-- Returns:  The number of sessions linked.
-- Locks:    The caller holds the SIMs. Takes the sessions.
--
-- EXPLAIN EXECUTE link_sessions(sessions, sims);
PREPARE link_sessions AS
WITH linked AS (
	UPDATE radius.radacct
	SET sim = u.sim
	FROM unnest($1 /*sessions*/::bigint[], $2 /*sims*/::bigint[]) AS u (session, sim)
	WHERE radacctid = u.session AND radacct.sim IS NULL AND acctstoptime IS NULL
	RETURNING radacctid, radacct.sim, nasipaddress, radius.outlived(radacct.sim, acctstarttime, class) AS outlived
), activated AS (
	UPDATE sims
	SET status = 'active'
	WHERE status = 'ready' AND id IN (SELECT sim FROM linked WHERE NOT outlived)
), strays AS (
	INSERT INTO work (kind, items, n, gateway, queue)
	SELECT 'drop_stray', ARRAY[radacctid], 1, host(nasipaddress), 'gateway'
	FROM linked
	WHERE outlived
)
SELECT count(*) FROM linked;
