-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists entries of the audit trail, the latest first.
-- Given:    @account and the API @key of the actor (0: any); @sim: an identifier that the SIM has or had (empty: any);
--           @actions (null: any); @object and @object_id (empty: any); @since and @until (null: any time); the
--           cursor @at (null: from the start) and @id; @limit: maximum number of rows.
-- Returns:  The entries.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_audit(account, key, sim, actions, object, object_id, since, until, at, id, limit);
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
WHERE ($1 /*account*/::bigint = 0 OR u.account = $1 /*account*/)
  AND ($2 /*key*/::bigint = 0 OR u.api_key = $2 /*key*/)
  AND ($3 /*sim*/ = '' OR u.sim IN (SELECT sim FROM identifiers WHERE identifier = $3 /*sim*/ UNION SELECT sim FROM former_identifiers WHERE identifier = $3 /*sim*/))
  AND ($4 /*actions*/::text[] IS NULL OR u.action = ANY ($4 /*actions*/))
  AND ($5 /*object*/ = '' OR u.object = $5 /*object*/)
  AND ($6 /*object_id*/ = '' OR u.object_id = $6 /*object_id*/)
  AND ($7 /*since*/::timestamptz IS NULL OR u.at >= $7 /*since*/)
  AND ($8 /*until*/::timestamptz IS NULL OR u.at < $8 /*until*/)
  AND ($9 /*at*/::timestamptz IS NULL OR (u.at, u.id) < ($9 /*at*/, $10 /*id*/::bigint))
ORDER BY u.at DESC, u.id DESC
LIMIT $11 /*limit*/;
