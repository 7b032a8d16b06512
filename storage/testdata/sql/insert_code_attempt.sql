-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records an attempt to redeem a transfer code.
-- Given:    @account and @network.
-- Returns:  Its id.
-- Locks:    The caller holds the advisory locks of the attempts.
--
-- EXPLAIN EXECUTE insert_code_attempt(account, network);
PREPARE insert_code_attempt AS
INSERT INTO code_attempts (account, network) VALUES ($1 /*account*/, $2 /*network*/) RETURNING id;
