-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Changes what a person may do in an account, or as staff.
-- Given:    @id of the membership; its @role and @permission (null: staff).
-- Returns:  nothing
-- Locks:    The caller holds the person.
--
-- EXPLAIN EXECUTE update_membership(role, permission, id);
PREPARE update_membership AS
UPDATE api_keys SET role = $1 /*role*/, permission = $2 /*permission*/ WHERE id = $3 /*id*/;
