-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates an account.
-- Given:    @operator_id, @email in lower case, @currency, @coverage and @standing of the account.
-- Returns:  The account; none if the operator id is taken.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE insert_account(operator_id, email, currency, coverage, standing);
PREPARE insert_account AS
INSERT INTO accounts AS a (operator_id, email, currency, coverage, standing)
VALUES ($1 /*operator_id*/, $2 /*email*/, $3 /*currency*/, $4 /*coverage*/, $5 /*standing*/)
ON CONFLICT (operator_id) DO NOTHING
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
