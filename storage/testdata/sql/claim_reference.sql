-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records that a request or a batch is the only one of its account with a reference, unless that is recorded already.
-- Given:    @account and the @reference.
-- Returns:  nothing
-- Locks:    Takes the reference, and waits for transactions that do the same.
--
-- EXPLAIN EXECUTE claim_reference(account, reference);
PREPARE claim_reference AS
INSERT INTO unique_references (account, reference)
VALUES ($1 /*account*/, $2 /*reference*/)
ON CONFLICT (account, reference) DO UPDATE SET reference = excluded.reference;
