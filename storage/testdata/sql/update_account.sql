-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Changes an account.
-- Given:    @operator_id of the account; @email, @coverage and @standing: the new values, null for no change; the limits @max_open_requests, @max_open_sims and @max_unknown_sims, null for none of its own.
-- Returns:  The account after the change; none if it does not exist.
-- Locks:    The caller holds the account.
--
-- EXPLAIN EXECUTE update_account(email, coverage, standing, max_open_requests, max_open_sims, max_unknown_sims, operator_id);
PREPARE update_account AS
UPDATE accounts AS a
SET email = coalesce($1 /*email*/, email),
	coverage = coalesce($2 /*coverage*/, coverage),
	standing = coalesce($3 /*standing*/, standing),
	max_open_requests = $4 /*max_open_requests*/::int,
	max_open_sims = $5 /*max_open_sims*/::int,
	max_unknown_sims = $6 /*max_unknown_sims*/::int
WHERE a.operator_id = $7 /*operator_id*/
RETURNING
	a.id,
	a.operator_id,
	a.email,
	a.currency,
	a.coverage,
	a.standing,
	a.max_open_requests,
	a.max_open_sims,
	a.max_unknown_sims,
	a.created_at;
