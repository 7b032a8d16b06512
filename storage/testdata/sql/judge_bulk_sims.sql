-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Decides about each SIM of a bulk change that still matches: changed, unchanged, or the code of a
--           refusal.
-- Given:    @account (0: any); lists of which one value has to match (null: any): @statuses, @plans, @groups, @lots, @eids,
--           @external_ids, @prefixes and @suffixes of identifiers, and @firsts and @lasts of ranges of ICCIDs, with @stored if only ICCIDs as they are stored are in them; @tags: tags that it has, @tag_names: names
--           of tags that it has, and @tag_choices: an object with the possible values of each of its tags (null: any); @locked: whether they have the transfer lock (null: any); @ids: only these SIMs
--           (null: any); the new @status, @new_plan, @transfer_lock, @protection and @new_group (null: no change; an empty group is
--           none);
--           @clear_tags: whether all tags are removed, @removed_tags: names, @set_tags: an object; @refused_statuses: the statuses from which the rules refuse the
--           new one; @respects_protection: whether they refuse it for SIMs with termination protection.
-- Returns:  nothing
-- Locks:    The caller holds the SIMs, except in a dry run.
--
-- EXPLAIN EXECUTE judge_bulk_sims(status, refused_statuses, respects_protection, new_plan, set_tags, clear_tags, removed_tags, transfer_lock, protection, new_group, account, statuses, plans, groups, tags, tag_names, tag_choices, locked, lots, eids, external_ids, ids, prefixes, suffixes, firsts, lasts, stored);
BEGIN;
CREATE TEMPORARY TABLE bulk_named (
	identifier text PRIMARY KEY
) ON COMMIT DROP;
CREATE TEMPORARY TABLE bulk_sims (
	sim bigint PRIMARY KEY
) ON COMMIT DROP;
CREATE TEMPORARY TABLE bulk_verdicts (
	sim     bigint PRIMARY KEY,
	account bigint NOT NULL,
	iccid   text NOT NULL,
	outcome text NOT NULL,
	status  text NOT NULL
) ON COMMIT DROP;
PREPARE judge_bulk_sims AS
INSERT INTO bulk_verdicts (sim, account, iccid, status, outcome)
SELECT s.id, s.account, s.iccid, s.status,
	CASE
		WHEN $1 /*status*/::text IS NOT NULL AND s.status <> $1 /*status*/ AND s.status = ANY ($2 /*refused_statuses*/::text[]) THEN 'sim_status'
		WHEN $1 /*status*/::text IS NOT NULL AND s.status <> $1 /*status*/ AND s.termination_protection AND $3 /*respects_protection*/ THEN 'termination_protection'
		WHEN $4 /*new_plan*/::text <> s.plan AND $4 /*new_plan*/ <> ALL (nullif(a.plans, '{}')) THEN 'plan_not_available'
		WHEN $5 /*set_tags*/::jsonb <> '{}' AND NOT tags_within_limits(((CASE WHEN $6 /*clear_tags*/ THEN '{}' ELSE s.tags END - $7 /*removed_tags*/::text[]) || $5 /*set_tags*/::jsonb)) THEN 'too_many_tags'
		WHEN (s.status, s.plan, s.transfer_lock, s.termination_protection, s.tags, s.sim_group) IS NOT DISTINCT FROM
		     (coalesce($1 /*status*/, s.status), coalesce($4 /*new_plan*/, s.plan), coalesce($8 /*transfer_lock*/, s.transfer_lock),
		      coalesce($9 /*protection*/, s.termination_protection), ((CASE WHEN $6 /*clear_tags*/ THEN '{}' ELSE s.tags END - $7 /*removed_tags*/::text[]) || $5 /*set_tags*/::jsonb),
		      CASE WHEN $10 /*new_group*/::text IS NULL THEN s.sim_group ELSE nullif($10 /*new_group*/, '') END) THEN 'unchanged'
		ELSE 'changed'
	END
FROM bulk_sims b
JOIN sims s ON s.id = b.sim
JOIN accounts a ON a.id = s.account
LEFT JOIN sim_details d ON d.sim = s.id
WHERE ($11 /*account*/ = 0 OR s.account = $11 /*account*/)
  AND ($12 /*statuses*/::text[] IS NULL OR s.status = ANY ($12 /*statuses*/::text[]))
  AND ($13 /*plans*/::text[] IS NULL OR s.plan = ANY ($13 /*plans*/::text[]))
  AND ($14 /*groups*/::text[] IS NULL OR s.sim_group = ANY ($14 /*groups*/::text[]))
  AND ($15 /*tags*/::jsonb IS NULL OR s.tags @> $15 /*tags*/::jsonb)
  AND ($16 /*tag_names*/::text[] IS NULL OR s.tags ?& $16 /*tag_names*/::text[])
  AND ($17 /*tag_choices*/::jsonb IS NULL OR NOT EXISTS (
	SELECT 1 FROM jsonb_each($17 /*tag_choices*/::jsonb) AS c (name, choices) WHERE (c.choices ? (s.tags ->> c.name)) IS NOT TRUE
  ))
  AND ($18 /*locked*/::boolean IS NULL OR s.transfer_lock = $18 /*locked*/::boolean)
  AND ($19 /*lots*/::text[] IS NULL OR d.lot = ANY ($19 /*lots*/::text[]))
  AND ($20 /*eids*/::text[] IS NULL OR d.eid = ANY ($20 /*eids*/::text[]))
  AND ($21 /*external_ids*/::text[] IS NULL OR d.external_id = ANY ($21 /*external_ids*/::text[]))
  AND ($22 /*ids*/::bigint[] IS NULL OR s.id = ANY ($22 /*ids*/))
  AND ($23 /*prefixes*/::text[] IS NULL OR EXISTS (
	SELECT 1 FROM identifiers i JOIN unnest($23 /*prefixes*/::text[]) AS p (prefix) ON i.identifier BETWEEN p.prefix AND rpad(p.prefix, 22, '9') WHERE i.sim = s.id
  ))
  AND ($24 /*suffixes*/::text[] IS NULL OR EXISTS (
	SELECT 1 FROM identifiers i JOIN unnest($24 /*suffixes*/::text[]) AS p (suffix) ON right(i.identifier, 6) COLLATE "C" = right(p.suffix, 6) AND right(i.identifier, length(p.suffix)) = p.suffix WHERE i.sim = s.id
  ))
  AND ($25 /*firsts*/::text[] IS NULL OR EXISTS (
	SELECT 1
	FROM identifiers i
	JOIN unnest($25 /*firsts*/::text[], $26 /*lasts*/::text[], $27 /*stored*/::boolean[]) AS r (first, last, stored) ON i.identifier BETWEEN r.first AND r.last AND length(i.identifier) = length(r.first) AND i.kind = 'iccid' AND (NOT r.stored OR i.identifier = s.iccid)
	WHERE i.sim = s.id
  ))
  AND NOT EXISTS (SELECT 1 FROM retired_sims WHERE sim = s.id);
