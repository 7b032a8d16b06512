-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists accounts by operator id.
-- Given:    @email in lower case, @search for a part of the operator id, the external id, the name or the email,
--           and @standing, each empty for any; @after: only accounts with a greater operator id; @limit: maximum
--           number of rows.
-- Returns:  The accounts.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_accounts(after, email, search, standing, limit);
PREPARE select_accounts AS
SELECT
	a.id,
	a.operator_id,
	a.email,
	a.currency,
	a.coverage,
	a.standing,
	a.name,
	a.external_id,
	a.contacts,
	a.plans,
	a.landing,
	a.max_open_requests,
	a.max_open_sims,
	a.max_unknown_sims,
	a.created_at
FROM accounts a
WHERE a.operator_id > $1 /*after*/
  AND ($2 /*email*/ = '' OR a.email = $2 /*email*/)
  AND ($3 /*search*/ = '' OR strpos(lower(concat_ws(E'\n', a.operator_id, a.external_id, a.name, a.email)), lower($3 /*search*/)) > 0)
  AND ($4 /*standing*/ = '' OR a.standing = $4 /*standing*/)
ORDER BY a.operator_id
LIMIT $5 /*limit*/;
