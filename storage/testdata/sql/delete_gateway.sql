-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Deletes a gateway.
-- Given:    @id of the gateway.
-- Returns:  nothing
-- Locks:    The caller holds the gateway.
--
-- EXPLAIN EXECUTE delete_gateway(id);
PREPARE delete_gateway AS
DELETE FROM radius.nas WHERE id = $1 /*id*/;
