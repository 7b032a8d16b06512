-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the requests of a batch with their destinations, oldest first.
-- Given:    @batch.
-- Returns:  The ids of the requests, and the operator ids and external ids of their destinations.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_batch_destinations(batch);
PREPARE select_batch_destinations AS
SELECT
	r.id,
	a.operator_id AS destination,
	a.external_id
FROM requests r
JOIN accounts a ON a.id = r.destination
WHERE r.batch = $1 /*batch*/
ORDER BY r.id;
