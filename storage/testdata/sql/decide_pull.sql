-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records what an owner decides on its part of a pull request.
-- Given:    @pull and @owner, the @decision, the @sims that it was about, and the @request that it made, or null.
-- Returns:  nothing
-- Locks:    The caller holds the part.
--
-- EXPLAIN EXECUTE decide_pull(decision, request, sims, pull, owner);
PREPARE decide_pull AS
UPDATE pull_owners
SET decision = $1 /*decision*/, decided_at = clock_timestamp(), request = $2 /*request*/, sims = $3 /*sims*/
WHERE pull = $4 /*pull*/ AND owner = $5 /*owner*/;
