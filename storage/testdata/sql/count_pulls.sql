-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Counts what an account asks for.
-- Given:    @account.
-- Returns:  Its open pull requests, and the SIMs that it has asked for in the last 24 hours. Neither depends on answers.
-- Locks:    The caller holds the advisory lock of the account's limits.
--
-- EXPLAIN EXECUTE count_pulls(account);
PREPARE count_pulls AS
SELECT
	count(*) FILTER (WHERE canceled_at IS NULL AND expires_at > clock_timestamp()) AS open,
	coalesce(sum(cardinality(iccids)) FILTER (WHERE created_at > clock_timestamp() - interval '24 hours'), 0) AS sims
FROM pulls
WHERE asker = $1 /*account*/;
