-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Changes an account.
-- Given:    @operator_id of the account; @email, @coverage and @standing: the new values, null for no change.
-- Returns:  The account after the change; none if it does not exist.
-- Locks:    The caller holds the account.
--
-- EXPLAIN EXECUTE update_account(email, coverage, standing, operator_id);
PREPARE update_account AS
UPDATE accounts AS a
SET email = coalesce($1 /*email*/, email),
	coverage = coalesce($2 /*coverage*/, coverage),
	standing = coalesce($3 /*standing*/, standing)
WHERE a.operator_id = $4 /*operator_id*/
RETURNING
	a.id,
	a.operator_id,
	a.email,
	a.currency,
	a.coverage,
	a.standing,
	a.created_at;
