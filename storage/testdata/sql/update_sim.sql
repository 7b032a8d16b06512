-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Changes the SIM that an identifier names.
-- Given:    @identifier; @account that the SIM has to be registered to (0: any); @transfer_lock, @tags, @group
--           and @status: the new values, null for no change; an empty @group is none.
-- Returns:  nothing
-- Locks:    Takes the SIM.
--
-- EXPLAIN EXECUTE update_sim(transfer_lock, tags, group, status, identifier, account);
PREPARE update_sim AS
UPDATE sims
SET transfer_lock = coalesce($1 /*transfer_lock*/, transfer_lock),
	tags = coalesce($2 /*tags*/::jsonb, tags),
	sim_group = CASE WHEN $3 /*group*/::text IS NULL THEN sim_group ELSE nullif($3 /*group*/, '') END,
	status = coalesce($4 /*status*/, status)
WHERE id = (SELECT sim FROM identifiers WHERE identifier = $5 /*identifier*/)
  AND ($6 /*account*/ = 0 OR account = $6 /*account*/);
