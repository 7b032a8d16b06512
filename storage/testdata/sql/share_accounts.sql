-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Keeps the standing of a request's accounts from changing.
-- Given:    @source and @destination.
-- Returns:  Whether both are open.
-- Locks:    Takes the accounts, by ascending id, shared with other decisions.
--
-- EXPLAIN EXECUTE share_accounts(source, destination);
PREPARE share_accounts AS
SELECT bool_and(standing = 'open')
FROM (
	SELECT standing
	FROM accounts
	WHERE id IN ($1 /*source*/, $2 /*destination*/)
	ORDER BY id
	FOR SHARE
) AS accounts;
