-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads the inventory, in the order in which the SIMs were imported. SIMs that were retired as wrong imports are left out.
-- Given:    @account (0: any); @statuses (null: any); @plan and @lot (empty: any); @updated_since: only SIMs that have
--           changed since then, also by a transfer (null: any).
-- Returns:  The SIMs with their identifiers.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_exported_sims(account, statuses, plan, lot, updated_since);
PREPARE select_exported_sims AS
SELECT
			s.iccid,
			ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'imsi' ORDER BY identifier) AS imsis,
			ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'msisdn' ORDER BY identifier) AS msisdns,
			a.operator_id,
			a.external_id AS account_external_id,
			s.since,
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
s.imei_lock
		FROM sims s
		JOIN accounts a ON a.id = s.account
		LEFT JOIN sim_details d ON d.sim = s.id
		WHERE ($1 /*account*/::bigint = 0 OR s.account = $1 /*account*/)
		  AND ($2 /*statuses*/::text[] IS NULL OR s.status = ANY ($2 /*statuses*/))
		  AND ($3 /*plan*/::text = '' OR s.plan = $3 /*plan*/)
		  AND ($4 /*lot*/::text = '' OR d.lot = $4 /*lot*/)
		  AND ($5 /*updated_since*/::timestamptz IS NULL OR greatest(s.since, s.updated_at) >= $5 /*updated_since*/)
		  AND NOT EXISTS (SELECT 1 FROM retired_sims WHERE sim = s.id)
		ORDER BY s.id;
