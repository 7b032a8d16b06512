-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Counts the attempts of the last hour to redeem a transfer code.
-- Given:    @account and @network, and the limits @account_limit and @network_limit.
-- Returns:  How many attempts the account has made, and for how many seconds both have to wait: until the oldest attempt that
--           makes the limit full is an hour old.
-- Locks:    The caller holds the advisory locks of the attempts.
--
-- EXPLAIN EXECUTE count_code_attempts(account, account_limit, network, network_limit);
PREPARE count_code_attempts AS
SELECT
	(SELECT count(*) FROM code_attempts WHERE account = $1 /*account*/ AND at > clock_timestamp() - interval '1 hour') AS earlier,
	coalesce(extract(epoch FROM greatest(
		(SELECT at FROM code_attempts WHERE account = $1 /*account*/ ORDER BY at DESC OFFSET $2 /*account_limit*/::int - 1 LIMIT 1),
		(SELECT at FROM code_attempts WHERE network = $3 /*network*/ ORDER BY at DESC OFFSET $4 /*network_limit*/::int - 1 LIMIT 1)
	) + interval '1 hour' - clock_timestamp()), 0)::float8 AS wait;
