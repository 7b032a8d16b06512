-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists open data sessions that are not linked to a SIM, and the SIMs that they belong to.
-- Given:    @after: only sessions with a greater radacctid; @limit: maximum number of rows (0: all).
-- Returns:  The sessions by radacctid, each with the id of its SIM, which is null if the SIM is not known.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_unlinked_sessions(after, limit);
PREPARE select_unlinked_sessions AS
SELECT
	radacctid,
	radius.session_sim(imsi, username, callingstationid, escaped) AS sim_id
FROM radius.radacct
WHERE sim IS NULL
  AND acctstoptime IS NULL
  AND radacctid > $1 /*after*/
ORDER BY sim, radacctid -- in the order of the index
LIMIT nullif($2 /*limit*/, 0);
