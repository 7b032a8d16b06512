-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads how far a probe is.
-- Given:    @id of the probe.
-- Returns:  Whether a worker has taken it, and its answer as JSON, empty as long as there is none.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_probe(id);
PREPARE select_probe AS
SELECT taken_at IS NOT NULL AS taken, coalesce(answer::text, '') AS answer FROM gateway_probes WHERE id = $1 /*id*/;
