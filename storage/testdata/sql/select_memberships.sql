-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the memberships of people that are not revoked, staff first, then by operator id.
-- Given:    @people: their ids; @account: only memberships there (0: any).
-- Returns:  The memberships.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_memberships(people, account);
PREPARE select_memberships AS
SELECT k.id, k.person, k.role, k.account, a.operator_id, a.name AS account_name, k.permission, k.created_at, k.last_used_at
FROM api_keys k
LEFT JOIN accounts a ON a.id = k.account
WHERE k.person = ANY ($1 /*people*/::bigint[]) AND k.revoked_at IS NULL AND ($2 /*account*/::bigint = 0 OR k.account = $2 /*account*/)
ORDER BY k.person, a.operator_id NULLS FIRST;
