-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Counts the events of requests about which accounts got mails in the last hour.
-- Given:    @accounts.
-- Returns:  The accounts that got any, with their numbers.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE count_recent_mails(accounts);
PREPARE count_recent_mails AS
SELECT account, count(DISTINCT event) AS n
FROM mails
WHERE account = ANY ($1 /*accounts*/) AND request IS NOT NULL AND created_at > clock_timestamp() - interval '1 hour'
GROUP BY account;
