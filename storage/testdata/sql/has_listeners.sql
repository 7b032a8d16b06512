-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds out whether there is an enabled webhook endpoint.
-- Given:    nothing
-- Returns:  True or false.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE has_listeners;
PREPARE has_listeners AS
SELECT EXISTS (SELECT 1 FROM webhook_endpoints WHERE disabled_at IS NULL);
