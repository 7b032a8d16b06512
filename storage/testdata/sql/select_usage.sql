-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Counts how much of its limits an account uses.
-- Given:    @account.
-- Returns:  The counts.
-- Locks:    nothing
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE select_usage(account);
PREPARE select_usage AS
SELECT
	(SELECT count(*) FROM requests WHERE source = $1 /*account*/ AND finished_at IS NULL)
		+ (SELECT count(*) FROM transfer_codes c WHERE c.source = $1 /*account*/ AND c.redeemed_at IS NULL AND c.revoked_at IS NULL AND c.expires_at > clock_timestamp()) AS open_requests,
	(SELECT coalesce(sum(size), 0) FROM requests WHERE source = $1 /*account*/ AND finished_at IS NULL)
		+ (SELECT coalesce(sum(size), 0) FROM transfer_codes c WHERE c.source = $1 /*account*/ AND c.redeemed_at IS NULL AND c.revoked_at IS NULL AND c.expires_at > clock_timestamp()) AS open_sims,
	(SELECT coalesce(sum(n_unknown), 0) FROM requests WHERE source = $1 /*account*/ AND n_unknown > 0) AS unknown_sims;
