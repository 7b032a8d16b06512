-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Gives up the claims that hold_claims took.
-- Given:    @sims: their ids.
-- Returns:  nothing
-- Locks:    The caller holds the SIMs and the claims.
--
-- EXPLAIN EXECUTE drop_held_claims(sims);
PREPARE drop_held_claims AS
DELETE FROM open_transfers WHERE sim = ANY ($1 /*sims*/::bigint[]) AND request = '00000000-0000-0000-0000-000000000000';
