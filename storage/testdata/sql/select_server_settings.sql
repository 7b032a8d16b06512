-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads the settings of the server and of the connection that Warnings judges.
-- Given:    nothing
-- Returns:  The settings.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_server_settings;
PREPARE select_server_settings AS
SELECT
	current_setting('server_version_num')::int AS version,
	current_setting('fsync') AS fsync,
	current_setting('full_page_writes') AS full_page_writes,
	current_setting('synchronous_commit') AS synchronous_commit,
	current_setting('idle_in_transaction_session_timeout') AS idle_in_transaction,
	current_setting('lock_timeout') AS lock_timeout,
	current_setting('max_connections')::int AS max_connections,
	pg_is_in_recovery() AS standby;
