-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Takes all identifiers and details from a SIM, and its open data sessions, which are linked again when a SIM with
--           their identifiers is imported.
-- Given:    @sim: its id.
-- Returns:  nothing
-- Locks:    The caller holds the SIM. Takes its open sessions.
--
-- EXPLAIN EXECUTE free_identifiers(sim);
PREPARE free_identifiers AS
WITH freed AS (
	DELETE FROM identifiers WHERE sim = $1 /*sim*/
), unnamed AS (
	DELETE FROM sim_details WHERE sim = $1 /*sim*/
), unlinked AS (
	UPDATE radius.radacct SET sim = NULL WHERE sim = $1 /*sim*/ AND acctstoptime IS NULL
)
INSERT INTO retired_sims (sim)
VALUES ($1 /*sim*/);
