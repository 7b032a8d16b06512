-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks the attempts of an account and of a network until the transaction ends.
-- Given:    @account and @network.
-- Returns:  nothing
-- Locks:    Takes the advisory locks of the account's and the network's attempts, in this order: the only locks of its transaction.
--
-- EXPLAIN EXECUTE lock_code_attempts(account, network);
PREPARE lock_code_attempts AS
SELECT
	pg_advisory_xact_lock(hashtextextended('code attempts of account ' || $1 /*account*/::bigint, 0)),
	pg_advisory_xact_lock(hashtextextended('code attempts of network ' || $2 /*network*/::text, 0));
