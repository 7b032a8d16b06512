-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds out whether the statistics of a table of the inventory say that it is almost empty, although it takes up pages.
-- Given:    nothing
-- Returns:  True or false.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_stale_statistics;
PREPARE select_stale_statistics AS
SELECT EXISTS (
	SELECT
	FROM pg_class
	WHERE oid IN ('sims'::regclass, 'identifiers'::regclass, 'sim_details'::regclass)
	  AND relpages > 0
	  AND reltuples BETWEEN 0 AND relpages
);
