-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks some SIMs.
-- Given:    @sims: their ids.
-- Returns:  The id and the owner of each, by id.
-- Locks:    Takes the SIMs by id.
--
-- EXPLAIN EXECUTE lock_sims_by_id(sims);
PREPARE lock_sims_by_id AS
SELECT id, account FROM sims WHERE id = ANY ($1 /*sims*/::bigint[]) ORDER BY id FOR NO KEY UPDATE;
