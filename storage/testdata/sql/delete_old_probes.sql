-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Deletes probes that were asked for more than an hour ago.
-- Given:    nothing
-- Returns:  nothing
-- Locks:    nothing
--
-- EXPLAIN EXECUTE delete_old_probes;
PREPARE delete_old_probes AS
DELETE FROM gateway_probes WHERE asked_at < clock_timestamp() - interval '1 hour';
