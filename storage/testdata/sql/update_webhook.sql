-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Changes a webhook endpoint.
-- Given:    @id, and the new @url, @description and @types.
-- Returns:  nothing
-- Locks:    The caller holds the endpoint.
--
-- EXPLAIN EXECUTE update_webhook(url, description, types, id);
PREPARE update_webhook AS
UPDATE webhook_endpoints SET url = $1 /*url*/, description = $2 /*description*/, types = $3 /*types*/ WHERE id = $4 /*id*/;
