-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the contacts of an account whose mails are refused, and its primary email if it is one of them.
-- Given:    @account.
-- Returns:  The addresses, with the last answer of the mail server.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_mail_refusals(account);
PREPARE select_mail_refusals AS
SELECT r.address, r.since, r.last_at, r.code, r.error
FROM mail_refusals r
WHERE r.address IN (
	SELECT email FROM accounts WHERE id = $1 /*account*/
	UNION
	SELECT jsonb_array_elements_text(p.value)
	FROM accounts a
	CROSS JOIN jsonb_each(a.contacts) p
	WHERE a.id = $1 /*account*/
)
ORDER BY r.address;
