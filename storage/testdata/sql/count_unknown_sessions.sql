-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Counts the open data sessions that name no SIM.
-- Given:    nothing
-- Returns:  Their number.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE count_unknown_sessions;
PREPARE count_unknown_sessions AS
SELECT count(*) FROM radius.radacct WHERE sim IS NULL AND acctstoptime IS NULL;
