-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Makes calls that ask for probes wait for each other, so that they can be counted.
-- Given:    nothing
-- Returns:  nothing
-- Locks:    Takes an advisory lock, the first lock of a transaction that asks for a probe.
--
-- EXPLAIN EXECUTE lock_probes;
PREPARE lock_probes AS
SELECT pg_advisory_xact_lock(hashtextextended('gateway probes', 0));
