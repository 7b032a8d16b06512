-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Forgets an attempt to redeem a transfer code.
-- Given:    @id.
-- Returns:  nothing
-- Locks:    nothing
--
-- EXPLAIN EXECUTE delete_code_attempt(id);
PREPARE delete_code_attempt AS
DELETE FROM code_attempts WHERE id = $1 /*id*/;
