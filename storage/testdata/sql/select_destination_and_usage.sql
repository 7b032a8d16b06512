-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks up a destination, and counts how much of its limits the source uses.
-- Given:    @email in lower case and @ref of the destination, an operator id, or ext: and an external id; and the source: @account.
-- Returns:  The destination and the counts; no row if email and id do not belong to the same account.
-- Locks:    nothing
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE select_destination_and_usage(account, ref, email);
PREPARE select_destination_and_usage AS
SELECT
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
	a.created_at,
	(SELECT count(*) FROM requests WHERE source = $1 /*account*/ AND finished_at IS NULL)
		+ (SELECT count(*) FROM transfer_codes c WHERE c.source = $1 /*account*/ AND c.redeemed_at IS NULL AND c.revoked_at IS NULL AND c.expires_at > clock_timestamp()) AS open_requests,
	(SELECT coalesce(sum(size), 0) FROM requests WHERE source = $1 /*account*/ AND finished_at IS NULL)
		+ (SELECT coalesce(sum(size), 0) FROM transfer_codes c WHERE c.source = $1 /*account*/ AND c.redeemed_at IS NULL AND c.revoked_at IS NULL AND c.expires_at > clock_timestamp()) AS open_sims,
	(SELECT coalesce(sum(n_unknown), 0) FROM requests WHERE source = $1 /*account*/ AND n_unknown > 0) AS unknown_sims
FROM accounts a
WHERE a.operator_id = CASE WHEN $2 /*ref*/::text LIKE 'ext:%' THEN (SELECT x.operator_id FROM accounts x WHERE x.external_id = substr($2 /*ref*/::text, 5)) ELSE $2 /*ref*/::text END AND a.email = $3 /*email*/;
