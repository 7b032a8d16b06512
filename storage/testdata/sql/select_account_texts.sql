-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the references and messages of the requests, batches, pull requests and transfer codes of an account, oldest first.
-- Given:    @account.
-- Returns:  Those that have one of the two.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_account_texts(account);
PREPARE select_account_texts AS
SELECT id, 'request' AS kind, reference, message
FROM requests
WHERE source = $1 /*account*/ AND (reference IS NOT NULL OR message IS NOT NULL)
UNION ALL
SELECT id, 'batch', reference, message
FROM batches
WHERE account = $1 /*account*/ AND (reference IS NOT NULL OR message IS NOT NULL)
UNION ALL
SELECT id, 'pull_request', reference, message
FROM pulls
WHERE asker = $1 /*account*/ AND (reference IS NOT NULL OR message IS NOT NULL)
UNION ALL
SELECT id, 'transfer_code', reference, message
FROM transfer_codes
WHERE source = $1 /*account*/ AND (reference IS NOT NULL OR message IS NOT NULL)
ORDER BY id;
