-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Turns a kind of mail off for an address of an account.
-- Given:    @account, @address and @kind.
-- Returns:  The operator id of the account, unless it was off already.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE turn_mail_off(account, address, kind);
PREPARE turn_mail_off AS
INSERT INTO mail_choices (account, address, kind)
VALUES ($1 /*account*/, $2 /*address*/, $3 /*kind*/)
ON CONFLICT DO NOTHING
RETURNING (SELECT operator_id FROM accounts WHERE id = $1 /*account*/);
