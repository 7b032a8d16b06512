-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists entries of the audit trail, the latest first.
-- Given:    @account, the API @key of the actor and the @person who acted (0: any); @sim: an identifier that the SIM has or had (empty: any);
--           @actions (null: any); @object and @object_id (empty: any); @since and @until (null: any time); the
--           cursor @at (null: from the start) and @id; @limit: maximum number of rows.
-- Returns:  The entries.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_audit(account, key, person, sim, actions, object, object_id, since, until, at, id, limit);
PREPARE select_audit AS
SELECT
	u.id,
	u.at,
	u.action,
	u.actor,
	u.api_key,
	u.key_role,
	u.key_hint,
	b.operator_id AS key_operator_id,
	b.external_id AS key_account_external_id,
	u.person,
	p.email AS person_email,
	u.actor_name,
	u.address,
	a.operator_id,
	a.external_id AS account_external_id,
	u.object,
	u.object_id,
	u.before,
	u.after,
	u.why
FROM audit u
LEFT JOIN accounts a ON a.id = u.account
LEFT JOIN api_keys k ON k.id = u.api_key
LEFT JOIN accounts b ON b.id = k.account
LEFT JOIN people p ON p.id = u.person AND u.actor_name <> '[erased]'
WHERE ($1 /*account*/::bigint = 0 OR u.account = $1 /*account*/)
  AND ($2 /*key*/::bigint = 0 OR u.api_key = $2 /*key*/)
  AND ($3 /*person*/::bigint = 0 OR u.person = $3 /*person*/)
  AND ($4 /*sim*/ = '' OR u.sim = ANY (ARRAY(SELECT sim FROM identifiers WHERE identifier = $4 /*sim*/ UNION SELECT sim FROM former_identifiers WHERE identifier = $4 /*sim*/)))
  AND ($5 /*actions*/::text[] IS NULL OR u.action = ANY ($5 /*actions*/))
  AND ($6 /*object*/ = '' OR u.object = $6 /*object*/)
  AND ($7 /*object_id*/ = '' OR u.object_id = $7 /*object_id*/)
  AND ($8 /*since*/::timestamptz IS NULL OR u.at >= $8 /*since*/)
  AND ($9 /*until*/::timestamptz IS NULL OR u.at < $9 /*until*/)
  AND ($10 /*at*/::timestamptz IS NULL OR (u.at, u.id) < ($10 /*at*/, $11 /*id*/::bigint))
ORDER BY u.at DESC, u.id DESC
LIMIT $12 /*limit*/;
