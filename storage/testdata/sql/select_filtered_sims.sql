-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Selects SIMs by a filter.
-- Given:    @account (0: any); lists of which one value has to match (null: any): @statuses, @plans, @groups, @lots, @eids,
--           @external_ids, @prefixes and @suffixes of identifiers, and @firsts and @lasts of ranges of ICCIDs, with @stored if only ICCIDs as they are stored are in them; @tags: tags that it has, @tag_names: names
--           of tags that it has, and @tag_choices: an object with the possible values of each of its tags (null: any); @locked: whether they have the transfer lock (null: any); @ids: only these SIMs
--           (null: any); @after: only SIMs with a greater id; @limit: maximum number of rows.
-- Returns:  The id and the ICCID of each SIM, by id.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_filtered_sims(account, statuses, plans, groups, tags, tag_names, tag_choices, locked, lots, eids, external_ids, ids, prefixes, suffixes, firsts, lasts, stored, after, limit);
PREPARE select_filtered_sims AS
SELECT s.id, s.iccid
FROM sims s
LEFT JOIN sim_details d ON d.sim = s.id
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
