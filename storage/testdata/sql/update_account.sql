-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Changes an account.
-- Given:    The @id of the account, and its values after the change: @email, @coverage, @standing, @name, @external_id, @contacts, @plans, @landing, null for none; the limits @max_open_requests, @max_open_sims and @max_unknown_sims, null for none of its own.
-- Returns:  The account after the change.
-- Locks:    The caller holds the account.
--
-- EXPLAIN EXECUTE update_account(email, coverage, standing, name, external_id, contacts, plans, landing, max_open_requests, max_open_sims, max_unknown_sims, id);
PREPARE update_account AS
UPDATE accounts AS a
SET email = $1 /*email*/,
	coverage = $2 /*coverage*/,
	standing = $3 /*standing*/,
	name = $4 /*name*/,
	external_id = $5 /*external_id*/,
	contacts = $6 /*contacts*/,
	plans = $7 /*plans*/,
	landing = $8 /*landing*/,
	max_open_requests = $9 /*max_open_requests*/::int,
	max_open_sims = $10 /*max_open_sims*/::int,
	max_unknown_sims = $11 /*max_unknown_sims*/::int
WHERE a.id = $12 /*id*/
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
