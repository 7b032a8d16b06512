-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Sets how long a sync waits for a lock, the memory of its sorts and hash tables, and that a sample of its temporary tables is enough for plans.
-- Given:    @milliseconds, as text.
-- Returns:  The new settings.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE set_sync_timeouts(milliseconds);
PREPARE set_sync_timeouts AS
SELECT
	set_config('lock_timeout', $1 /*milliseconds*/, true),
	set_config('work_mem', '64MB', true),
	set_config('default_statistics_target', '10', true);
