-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Gives a SIM an identifier that no SIM has.
-- Given:    @identifier and its @kind; @sim: the id of the SIM.
-- Returns:  nothing
-- Locks:    The caller holds the SIM. Waits for a transaction that adds the same identifier.
--
-- EXPLAIN EXECUTE insert_identifier(identifier, sim, kind);
PREPARE insert_identifier AS
INSERT INTO identifiers (identifier, sim, kind)
VALUES ($1 /*identifier*/, $2 /*sim*/, $3 /*kind*/)
ON CONFLICT DO NOTHING;
