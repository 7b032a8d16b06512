-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists SIMs in the order in which they were imported. SIMs that were retired as wrong imports are left out.
-- Given:    @account (0: any); @statuses (null: any); @plan, @group, @lot, @eid and @external_id (empty: any);
--           @tags: tags that it has, and @tag_names: names of tags that it has (null: any); @prefix: the first
--           digits of an identifier (empty: any); @ids: only these SIMs (null: any); @after: only SIMs with a greater id; @limit: maximum number of rows.
-- Returns:  The SIMs.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_sims(account, statuses, plan, group, tags, tag_names, lot, eid, external_id, ids, prefix, after, limit);
PREPARE select_sims AS
SELECT
	s.id,
	a.operator_id,
	a.external_id AS account_external_id,
	s.since,
	s.iccid,
	ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'imsi' ORDER BY identifier) AS imsis,
	ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'msisdn' ORDER BY identifier) AS msisdns,
	s.status,
	s.plan,
	s.transfer_lock,
	greatest(s.since, s.updated_at) AS updated_at,
	q.at AS retired_at,
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
LEFT JOIN retired_sims q ON q.sim = s.id
LEFT JOIN open_transfers o ON o.sim = s.id
LEFT JOIN requests r ON r.id = o.request
WHERE ($1 /*account*/ = 0 OR s.account = $1 /*account*/)
  AND ($2 /*statuses*/::text[] IS NULL OR s.status = ANY ($2 /*statuses*/::text[]))
  AND ($3 /*plan*/ = '' OR s.plan = $3 /*plan*/)
  AND ($4 /*group*/ = '' OR s.sim_group = $4 /*group*/)
  AND ($5 /*tags*/::jsonb IS NULL OR s.tags @> $5 /*tags*/::jsonb)
  AND ($6 /*tag_names*/::text[] IS NULL OR s.tags ?& $6 /*tag_names*/::text[])
  AND ($7 /*lot*/ = '' OR d.lot = $7 /*lot*/)
  AND ($8 /*eid*/ = '' OR d.eid = $8 /*eid*/)
  AND ($9 /*external_id*/ = '' OR d.external_id = $9 /*external_id*/)
  AND ($10 /*ids*/::bigint[] IS NULL OR s.id = ANY ($10 /*ids*/))
  AND ($11 /*prefix*/ = '' OR EXISTS (SELECT 1 FROM identifiers WHERE sim = s.id AND identifier BETWEEN $11 /*prefix*/::text AND rpad($11 /*prefix*/, 22, '9')))
  AND NOT EXISTS (SELECT 1 FROM retired_sims WHERE sim = s.id)
  AND s.id > $12 /*after*/
ORDER BY s.id
LIMIT $13 /*limit*/;
