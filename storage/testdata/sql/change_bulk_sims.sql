-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Changes the SIMs of a bulk change that are to be changed.
-- Given:    the new @status, @new_plan, @transfer_lock, @protection and @new_group (null: no change; an empty group is
--           none);
--           @clear_tags: whether all tags are removed, @removed_tags: names, @set_tags: an object.
-- Returns:  nothing
-- Locks:    The caller holds the SIMs.
--
-- EXPLAIN EXECUTE change_bulk_sims(status, new_plan, transfer_lock, protection, clear_tags, removed_tags, set_tags, new_group);
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
PREPARE change_bulk_sims AS
UPDATE sims s
SET status = coalesce($1 /*status*/, s.status),
	plan = coalesce($2 /*new_plan*/, s.plan),
	transfer_lock = coalesce($3 /*transfer_lock*/, s.transfer_lock),
	termination_protection = coalesce($4 /*protection*/, s.termination_protection),
	tags = ((CASE WHEN $5 /*clear_tags*/ THEN '{}' ELSE s.tags END - $6 /*removed_tags*/::text[]) || $7 /*set_tags*/::jsonb),
	sim_group = CASE WHEN $8 /*new_group*/::text IS NULL THEN s.sim_group ELSE nullif($8 /*new_group*/, '') END
FROM bulk_verdicts v
WHERE v.sim = s.id AND v.outcome = 'changed';
