-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Selects the SIMs of a bulk change by a filter, before they are locked.
-- Given:    @account (0: any); @statuses (null: any); @plan, @group, @lot, @eid and @external_id (empty: any);
--           @tags: tags that it has, and @tag_names: names of tags that it has (null: any); @prefix: the first
--           digits of an identifier (empty: any); @ids: only these SIMs (null: any); @limit: maximum number of SIMs.
-- Returns:  nothing
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_bulk_sims(account, statuses, plan, group, tags, tag_names, lot, eid, external_id, ids, prefix, limit);
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
PREPARE select_bulk_sims AS
INSERT INTO bulk_sims (sim)
SELECT s.id
FROM sims s
LEFT JOIN sim_details d ON d.sim = s.id
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
ORDER BY s.id
LIMIT $12 /*limit*/;
