-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists SIMs in the order in which they were imported.
-- Given:    @account (0: any); @statuses (null: any); @plan and @group (empty: any); @after: only SIMs with a greater id;
--           @tags: tags that it has, and @tag_names: names of tags that it has (null: any); @prefix: the first
--           digits of an identifier (empty: any); @ids: only these SIMs (null: any); @limit: maximum number of
--           rows.
-- Returns:  The SIMs.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_sims(account, statuses, after, plan, group, tags, tag_names, ids, prefix, limit);
PREPARE select_sims AS
SELECT
	s.id,
	a.operator_id,
	s.since,
	s.iccid,
	ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'imsi' ORDER BY identifier) AS imsis,
	ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'msisdn' ORDER BY identifier) AS msisdns,
	s.status,
	s.plan,
	s.transfer_lock,
	greatest(s.since, s.updated_at) AS updated_at,
	d.eid,
	d.lot,
	d.external_id,
	s.tags,
s.expiration,
s.termination_protection,
s.sim_group,
s.event_handlers,
s.speed_class,
s.containers,
s.imei_lock,
	(SELECT true FROM radius.radacct WHERE sim = s.id AND acctstoptime IS NULL LIMIT 1) IS NOT NULL AS online,
	o.request,
	r.state AS request_state,
	r.expires_at AS request_expires_at
FROM sims s
JOIN accounts a ON a.id = s.account
LEFT JOIN sim_details d ON d.sim = s.id
LEFT JOIN open_transfers o ON o.sim = s.id
LEFT JOIN requests r ON r.id = o.request
WHERE ($1 /*account*/ = 0 OR s.account = $1 /*account*/)
  AND ($2 /*statuses*/::text[] IS NULL OR s.status = ANY ($2 /*statuses*/::text[]))
  AND s.id > $3 /*after*/
  AND ($4 /*plan*/ = '' OR s.plan = $4 /*plan*/)
  AND ($5 /*group*/ = '' OR s.sim_group = $5 /*group*/)
  AND ($6 /*tags*/::jsonb IS NULL OR s.tags @> $6 /*tags*/::jsonb)
  AND ($7 /*tag_names*/::text[] IS NULL OR s.tags ?& $7 /*tag_names*/::text[])
  AND ($8 /*ids*/::bigint[] IS NULL OR s.id = ANY ($8 /*ids*/))
  AND ($9 /*prefix*/ = '' OR EXISTS (SELECT 1 FROM identifiers WHERE sim = s.id AND identifier BETWEEN $9 /*prefix*/::text AND rpad($9 /*prefix*/, 22, '9')))
ORDER BY s.id
LIMIT $10 /*limit*/;
