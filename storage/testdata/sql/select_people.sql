-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists people, those who came first at the beginning.
-- Given:    @after: only people with a greater id; @account: only people with a membership there (0: any); @staff: only staff;
--           @text in the email or the name (empty: any); @disabled: whether the person is disabled (null: any); @limit: maximum
--           number of rows.
-- Returns:  The people.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_people(account, after, staff, text, disabled, limit);
PREPARE select_people AS
SELECT
	p.id,
	p.email,
	p.name,
	p.created_at,
	p.verified_at,
	p.disabled_at,
	(SELECT max(k.last_used_at) FROM api_keys k WHERE k.person = p.id AND ($1 /*account*/::bigint = 0 OR k.account = $1 /*account*/)) AS last_seen_at
FROM people p
WHERE p.id > $2 /*after*/
  AND ($1 /*account*/ = 0 OR EXISTS (SELECT 1 FROM api_keys k WHERE k.person = p.id AND k.account = $1 /*account*/ AND k.revoked_at IS NULL))
  AND (NOT $3 /*staff*/::boolean OR EXISTS (SELECT 1 FROM api_keys k WHERE k.person = p.id AND k.account IS NULL AND k.revoked_at IS NULL))
  AND ($4 /*text*/ = '' OR strpos(p.email, lower($4 /*text*/)) > 0 OR strpos(lower(p.name), lower($4 /*text*/)) > 0)
  AND ($5 /*disabled*/::boolean IS NULL OR (p.disabled_at IS NOT NULL) = $5 /*disabled*/)
ORDER BY p.id
LIMIT $6 /*limit*/;
