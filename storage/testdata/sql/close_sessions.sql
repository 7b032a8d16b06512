-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Closes sessions that a gateway has disconnected, unless its own accounting has already.
-- Given:    @ids of the sessions.
-- Returns:  nothing
-- Locks:    Takes the sessions, by ascending id. The caller holds the work row and the SIMs.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE close_sessions(ids);
PREPARE close_sessions AS
UPDATE radius.radacct a
SET acctstoptime = open.ended,
	acctupdatetime = open.ended,
	acctsessiontime = extract(epoch FROM open.ended - a.acctstarttime)::bigint,
	acctterminatecause = 'Admin-Reset',
	closed_at = open.ended
FROM (
	SELECT radacctid, acctstoptime, clock_timestamp() AS ended
	FROM radius.radacct
	WHERE radacctid = ANY($1 /*ids*/)
	ORDER BY radacctid
	OFFSET 0
	FOR UPDATE
) open
WHERE a.radacctid = open.radacctid AND open.acctstoptime IS NULL;
