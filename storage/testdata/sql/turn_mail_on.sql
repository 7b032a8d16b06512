-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Turns a kind of mail on again for an address of an account.
-- Given:    @account, @address and @kind.
-- Returns:  The operator id of the account, unless it was on already.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE turn_mail_on(account, address, kind);
PREPARE turn_mail_on AS
DELETE FROM mail_choices
WHERE (account, address, kind) = ($1 /*account*/, $2 /*address*/, $3 /*kind*/)
RETURNING (SELECT operator_id FROM accounts WHERE id = $1 /*account*/);
