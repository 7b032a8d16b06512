-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records a change of SIMs for the changes feed.
-- Given:    @kind: not transferred, created, status_changed or plan_changed; @source: the owner before (null if it did not
--           change); @owner: the owner after it; the ids of the @sims; @before and @after as JSON (null: none).
-- Returns:  nothing
-- Locks:    The caller holds the SIMs.
--
-- EXPLAIN EXECUTE insert_change(kind, source, owner, sims, before, after);
PREPARE insert_change AS
INSERT INTO changes (kind, source, destination, sims, before, after)
VALUES ($1 /*kind*/, $2 /*source*/, $3 /*owner*/, $4 /*sims*/, $5 /*before*/, $6 /*after*/);
