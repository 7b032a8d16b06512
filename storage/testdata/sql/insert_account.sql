-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates an account.
-- Given:    @operator_id, @email in lower case, @currency, @coverage, @standing, @name, @external_id, @contacts and @plans of the account.
-- Returns:  The account; none if the operator id or the external id is taken.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE insert_account(operator_id, email, currency, coverage, standing, name, external_id, contacts, plans);
PREPARE insert_account AS
INSERT INTO accounts AS a (operator_id, email, currency, coverage, standing, name, external_id, contacts, plans)
VALUES ($1 /*operator_id*/, $2 /*email*/, $3 /*currency*/, $4 /*coverage*/, $5 /*standing*/, $6 /*name*/, $7 /*external_id*/, $8 /*contacts*/, $9 /*plans*/)
ON CONFLICT DO NOTHING
RETURNING
	a.id,
	a.operator_id,
	a.email,
	a.currency,
	a.coverage,
	a.standing,
	a.name,
	a.external_id,
	a.contacts,
	a.plans,
	a.landing,
	a.max_open_requests,
	a.max_open_sims,
	a.max_unknown_sims,
	a.created_at;
