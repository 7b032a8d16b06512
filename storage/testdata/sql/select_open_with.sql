-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Counts what an account still takes part in.
-- Given:    @account.
-- Returns:  The counts.
-- Locks:    The caller holds the account, so that no accept of its requests is in progress.
--
-- EXPLAIN EXECUTE select_open_with(account);
PREPARE select_open_with AS
SELECT
	count(*) FILTER (WHERE source = $1 /*account*/) AS sent,
	count(*) FILTER (WHERE destination = $1 /*account*/) AS received,
	count(*) FILTER (WHERE state = 'transferring') AS accepted,
	count(DISTINCT batch) FILTER (WHERE source = $1 /*account*/) AS batches,
	(SELECT count(*) FROM sims WHERE account = $1 /*account*/) AS sims,
	(SELECT count(*) FROM api_keys WHERE account = $1 /*account*/ AND person IS NULL AND revoked_at IS NULL) AS keys
FROM requests
WHERE (source = $1 /*account*/ OR destination = $1 /*account*/) AND finished_at IS NULL;
