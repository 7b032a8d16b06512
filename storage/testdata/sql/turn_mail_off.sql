-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Turns a kind of mail off for an address of an account.
-- Given:    @account, @address and @kind.
-- Returns:  A row, unless it was off already.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE turn_mail_off(account, address, kind);
PREPARE turn_mail_off AS
INSERT INTO mail_choices (account, address, kind)
VALUES ($1 /*account*/, $2 /*address*/, $3 /*kind*/)
ON CONFLICT DO NOTHING
RETURNING true;
