-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Stores the answer of a probe.
-- Given:    @id of the probe and its @answer as JSON.
-- Returns:  nothing
-- Locks:    nothing
--
-- EXPLAIN EXECUTE answer_probe(answer, id);
PREPARE answer_probe AS
UPDATE gateway_probes SET answered_at = clock_timestamp(), answer = $1 /*answer*/ WHERE id = $2 /*id*/ AND answer IS NULL;
