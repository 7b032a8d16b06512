-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Closes open sessions of a gateway that began before it restarted. If the gateway reports one later, the trigger
--           on radacct opens it again.
-- Given:    @nas, the time @at which it had no session, the @cause, and the @limit.
-- Returns:  nothing
-- Locks:    Takes the sessions, by ascending id.
--
-- EXPLAIN EXECUTE close_before(at, cause, nas, limit);
PREPARE close_before AS
UPDATE radius.radacct a
SET acctstoptime = $1 /*at*/::timestamptz,
	acctupdatetime = $1 /*at*/::timestamptz,
	acctsessiontime = greatest(a.acctsessiontime, extract(epoch FROM $1 /*at*/::timestamptz - a.acctstarttime)::bigint),
	acctterminatecause = $2 /*cause*/
FROM (
	SELECT radacctid
	FROM radius.radacct
	WHERE nasipaddress = $3 /*nas*/::inet AND acctstoptime IS NULL AND acctstarttime <= $1 /*at*/::timestamptz
	ORDER BY radacctid
	LIMIT $4 /*limit*/
	FOR UPDATE
) open
WHERE a.radacctid = open.radacctid;
