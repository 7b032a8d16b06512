-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Revokes a transfer code.
-- Given:    @id.
-- Returns:  nothing
-- Locks:    The caller holds the code.
--
-- EXPLAIN EXECUTE revoke_transfer_code(id);
PREPARE revoke_transfer_code AS
UPDATE transfer_codes SET revoked_at = clock_timestamp() WHERE id = $1 /*id*/;
