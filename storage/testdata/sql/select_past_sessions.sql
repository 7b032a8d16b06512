-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the data sessions of a SIM, newest first.
-- Given:    @sim: the id of the SIM; @limit: maximum number of rows.
-- Returns:  The sessions, open ones included.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_past_sessions(sim, limit);
PREPARE select_past_sessions AS
SELECT
	radius.unescaped(acctsessionid, escaped) AS acctsessionid,
	acctsessionid AS stored_id,
	host(nasipaddress) AS gateway,
	acctstarttime,
	acctstoptime,
	acctterminatecause,
	coalesce(acctinputoctets, 0) AS acctinputoctets,
	coalesce(acctoutputoctets, 0) AS acctoutputoctets
FROM radius.radacct
WHERE sim = $1 /*sim*/
ORDER BY radacctid DESC
LIMIT $2 /*limit*/;
