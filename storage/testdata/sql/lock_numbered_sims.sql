-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks the SIMs of some eligible transfers of a request, by ascending id.
-- Given:    @request and the @numbers of its transfers.
-- Returns:  How many SIMs there are.
-- Locks:    Takes the SIMs. The caller holds the work row.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE lock_numbered_sims(request, numbers);
PREPARE lock_numbered_sims AS
SELECT count(*)
FROM (
	SELECT s.id
	FROM transfers t
	JOIN sims s ON s.id = t.sim
	WHERE t.request = $1 /*request*/ AND t.n = ANY($2 /*numbers*/::int[]) AND t.state = 'eligible'
	ORDER BY s.id
	FOR NO KEY UPDATE OF s
) locked;
