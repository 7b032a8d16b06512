-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds out whether the statistics of a table of the inventory say that it is almost empty, although it takes up
--           pages, or do not know of many SIMs that were added.
-- Given:    @added: the number of SIMs that the transaction has added.
-- Returns:  True or false.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_stale_statistics(added);
PREPARE select_stale_statistics AS
SELECT
	EXISTS (
		SELECT
		FROM pg_class
		WHERE oid IN ('sims'::regclass, 'identifiers'::regclass, 'sim_details'::regclass)
		  AND relpages > 0
		  AND reltuples BETWEEN 0 AND relpages
	)
	-- As autovacuum decides, with its default settings.
	OR $1 /*added*/::bigint > (SELECT 50 + greatest(reltuples, 0) / 10 FROM pg_class WHERE oid = 'sims'::regclass);
