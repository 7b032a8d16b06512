-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks the SIMs of data sessions.
-- Given:    @sims: their ids.
-- Returns:  nothing
-- Locks:    Takes the SIMs by id.
--
-- EXPLAIN EXECUTE lock_session_sims(sims);
PREPARE lock_session_sims AS
SELECT id FROM sims WHERE id = ANY ($1 /*sims*/) ORDER BY id FOR NO KEY UPDATE;
