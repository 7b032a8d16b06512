-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the kinds of mail that addresses of an account have turned off.
-- Given:    @account.
-- Returns:  The choices.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_mail_choices(account);
PREPARE select_mail_choices AS
SELECT address, kind, chosen_at
FROM mail_choices
WHERE account = $1 /*account*/
ORDER BY address, kind;
