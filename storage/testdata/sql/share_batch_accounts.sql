-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Keeps the standing of the accounts of a batch's requests from changing.
-- Given:    @batch.
-- Returns:  Whether all are open.
-- Locks:    Takes the accounts, by ascending id, shared with other calls.
--
-- EXPLAIN EXECUTE share_batch_accounts(batch);
PREPARE share_batch_accounts AS
SELECT bool_and(standing = 'open')
FROM (
	SELECT standing
	FROM accounts
	WHERE id IN (SELECT source FROM requests WHERE batch = $1 /*batch*/ UNION SELECT destination FROM requests WHERE batch = $1 /*batch*/)
	ORDER BY id
	FOR SHARE
) AS accounts;
