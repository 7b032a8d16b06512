-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Ends the open pull requests of an account, and refuses for it those of others.
-- Given:    @account.
-- Returns:  nothing
-- Locks:    The caller holds the account. Takes the pull requests and the parts. No transaction that holds one of these waits for an account.
--
-- EXPLAIN EXECUTE end_pulls_of(account);
PREPARE end_pulls_of AS
WITH ended AS (
	UPDATE pulls
	SET canceled_at = clock_timestamp()
	WHERE asker = $1 /*account*/ AND canceled_at IS NULL AND expires_at > clock_timestamp()
)
UPDATE pull_owners o
SET decision = 'refused', decided_at = clock_timestamp()
FROM pulls p
WHERE o.owner = $1 /*account*/ AND o.decision IS NULL
  AND p.id = o.pull AND p.canceled_at IS NULL AND p.expires_at > clock_timestamp();
