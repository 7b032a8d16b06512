-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists API keys, oldest first, without the memberships of people.
-- Given:    @after: only keys with a greater id; @role (empty: any); @account (0: any); @revoked: whether the
--           key is revoked (null: any); @limit: maximum number of rows.
-- Returns:  The keys.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_keys(after, role, account, revoked, limit);
PREPARE select_keys AS
SELECT
	k.id,
	k.hint,
	k.role,
	k.account,
	a.operator_id,
	a.external_id AS account_external_id,
	k.permission,
	k.networks::text[] AS networks,
	k.name,
	k.created_at,
	k.created_by,
	k.expires_at,
	k.last_used_at,
	k.revoked_at,
	k.revoked_by,
	k.person,
	k.old_until,
	(SELECT c.account FROM api_keys c WHERE c.id = k.created_by) AS creator_account,
	(SELECT r.account FROM api_keys r WHERE r.id = k.revoked_by) AS revoker_account
FROM api_keys k
LEFT JOIN accounts a ON a.id = k.account
WHERE k.id > $1 /*after*/
  AND k.person IS NULL
  AND ($2 /*role*/ = '' OR k.role = $2 /*role*/)
  AND ($3 /*account*/ = 0 OR k.account = $3 /*account*/)
  AND ($4 /*revoked*/::boolean IS NULL OR (k.revoked_at IS NOT NULL) = $4 /*revoked*/)
ORDER BY k.id
LIMIT $5 /*limit*/;
