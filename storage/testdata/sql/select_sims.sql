-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists SIMs in the order in which they were imported. SIMs that were retired as wrong imports are left out.
-- Given:    @account (0: any); lists of which one value has to match (null: any): @statuses, @plans, @groups, @lots, @eids,
--           @external_ids, @prefixes and @suffixes of identifiers, and @firsts and @lasts of ranges of ICCIDs, with @stored if only ICCIDs as they are stored are in them; @tags: tags that it has, @tag_names: names
--           of tags that it has, and @tag_choices: an object with the possible values of each of its tags (null: any); @locked: whether they have the transfer lock (null: any); @ids: only these SIMs
--           (null: any); @after: only SIMs with a greater id; @limit: maximum number of rows.
-- Returns:  The SIMs.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_sims(account, statuses, plans, groups, tags, tag_names, tag_choices, locked, lots, eids, external_ids, ids, prefixes, suffixes, firsts, lasts, stored, after, limit);
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
  AND ($3 /*plans*/::text[] IS NULL OR s.plan = ANY ($3 /*plans*/::text[]))
  AND ($4 /*groups*/::text[] IS NULL OR s.sim_group = ANY ($4 /*groups*/::text[]))
  AND ($5 /*tags*/::jsonb IS NULL OR s.tags @> $5 /*tags*/::jsonb)
  AND ($6 /*tag_names*/::text[] IS NULL OR s.tags ?& $6 /*tag_names*/::text[])
  AND ($7 /*tag_choices*/::jsonb IS NULL OR NOT EXISTS (
	SELECT 1 FROM jsonb_each($7 /*tag_choices*/::jsonb) AS c (name, choices) WHERE (c.choices ? (s.tags ->> c.name)) IS NOT TRUE
  ))
  AND ($8 /*locked*/::boolean IS NULL OR s.transfer_lock = $8 /*locked*/::boolean)
  AND ($9 /*lots*/::text[] IS NULL OR d.lot = ANY ($9 /*lots*/::text[]))
  AND ($10 /*eids*/::text[] IS NULL OR d.eid = ANY ($10 /*eids*/::text[]))
  AND ($11 /*external_ids*/::text[] IS NULL OR d.external_id = ANY ($11 /*external_ids*/::text[]))
  AND ($12 /*ids*/::bigint[] IS NULL OR s.id = ANY ($12 /*ids*/))
  AND ($13 /*prefixes*/::text[] IS NULL OR EXISTS (
	SELECT 1 FROM identifiers i JOIN unnest($13 /*prefixes*/::text[]) AS p (prefix) ON i.identifier BETWEEN p.prefix AND rpad(p.prefix, 22, '9') WHERE i.sim = s.id
  ))
  AND ($14 /*suffixes*/::text[] IS NULL OR EXISTS (
	SELECT 1 FROM identifiers i JOIN unnest($14 /*suffixes*/::text[]) AS p (suffix) ON right(i.identifier, 6) COLLATE "C" = right(p.suffix, 6) AND right(i.identifier, length(p.suffix)) = p.suffix WHERE i.sim = s.id
  ))
  AND ($15 /*firsts*/::text[] IS NULL OR EXISTS (
	SELECT 1
	FROM identifiers i
	JOIN unnest($15 /*firsts*/::text[], $16 /*lasts*/::text[], $17 /*stored*/::boolean[]) AS r (first, last, stored) ON i.identifier BETWEEN r.first AND r.last AND length(i.identifier) = length(r.first) AND i.kind = 'iccid' AND (NOT r.stored OR i.identifier = s.iccid)
	WHERE i.sim = s.id
  ))
  AND NOT EXISTS (SELECT 1 FROM retired_sims WHERE sim = s.id)
  AND s.id > $18 /*after*/
ORDER BY s.id
LIMIT $19 /*limit*/;
