-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the owners whom a pull request asks. For support only.
-- Given:    @pull.
-- Returns:  The owners, by operator id.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_pull_owners(pull);
PREPARE select_pull_owners AS
SELECT a.operator_id AS owner, cardinality(o.sims) AS size, o.decision, o.decided_at, o.request
FROM pull_owners o
JOIN accounts a ON a.id = o.owner
WHERE o.pull = $1 /*pull*/
ORDER BY a.operator_id;
