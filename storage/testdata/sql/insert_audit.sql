-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Writes an entry of the audit trail, with the name, hint and role that the API key or the person has now.
-- Given:    @action; the kind of @actor, with its API @key (null: none), the @person if it has no membership (0: none), its
--           @name if it has neither, and its @address (empty: none); the @account and the @sim that the act concerns (0: none); the @object and
--           the @object_id; JSON objects with the fields @before and @after the act (null: none); @why it was
--           done (empty: no reason given).
-- Returns:  nothing
-- Locks:    nothing
--
-- EXPLAIN EXECUTE insert_audit(action, actor, key, name, address, account, sim, object, object_id, before, after, why, person);
PREPARE insert_audit AS
INSERT INTO audit (action, actor, api_key, person, key_role, key_hint, actor_name, address, account, sim, object, object_id, before, after, why)
SELECT
	$1 /*action*/,
	CASE WHEN p.id IS NOT NULL THEN 'person' ELSE $2 /*actor*/ END,
	$3 /*key*/::bigint,
	p.id,
	k.role,
	nullif(k.hint, ''),
	coalesce(p.name, k.name, nullif($4 /*name*/, '')),
	nullif($5 /*address*/, ''),
	nullif($6 /*account*/::bigint, 0),
	nullif($7 /*sim*/::bigint, 0),
	$8 /*object*/,
	$9 /*object_id*/,
	$10 /*before*/::jsonb,
	$11 /*after*/::jsonb,
	nullif($12 /*why*/, '')
FROM (VALUES (1)) AS one
LEFT JOIN api_keys k ON k.id = $3 /*key*/
LEFT JOIN people p ON p.id = coalesce(k.person, $13 /*person*/::bigint);
