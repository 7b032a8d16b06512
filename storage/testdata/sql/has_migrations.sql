-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for the table in which goose records migrations.
-- Given:    @table: its name.
-- Returns:  Whether it exists.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE has_migrations(table);
PREPARE has_migrations AS
SELECT EXISTS (
	SELECT 1
	FROM pg_tables
	WHERE tablename = $1 /*table*/
	  AND (current_schema() IS NULL OR schemaname = current_schema())
);
