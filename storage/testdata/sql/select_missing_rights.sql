-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for rights that the service needs and the user of the connection does not have. It reads the catalog
--           only: without a right on the schema, names of tables could not be resolved.
-- Given:    nothing
-- Returns:  The GRANT statements that give these rights, each on a line, empty if none is missing.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_missing_rights;
PREPARE select_missing_rights AS
SELECT coalesce(string_agg(format('GRANT %s ON %s TO %I', rights, object, current_user), E'\n' ORDER BY object), '')
FROM (
	SELECT object, string_agg(privilege, ', ' ORDER BY nr) AS rights
	FROM (
		SELECT 'SCHEMA ' || schema AS object, 'USAGE' AS privilege, 1 AS nr
		FROM unnest(ARRAY['public', 'radius']) AS schema
		WHERE NOT has_schema_privilege(schema, 'USAGE')
		UNION ALL
		SELECT 'DATABASE ' || quote_ident(current_database()), 'TEMPORARY', 1
		WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')
		UNION ALL
		SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE '' END || needed.name, p.privilege, p.nr
		FROM (
			VALUES
				('public.account_fees', 'SELECT INSERT UPDATE DELETE'),
				('public.accounts', 'SELECT INSERT UPDATE DELETE'),
				('public.api_keys', 'SELECT INSERT UPDATE DELETE'),
				('public.audit', 'SELECT INSERT UPDATE DELETE'),
				('public.batches', 'SELECT INSERT UPDATE DELETE'),
				('public.changes', 'SELECT INSERT UPDATE DELETE'),
				('public.charges', 'SELECT INSERT UPDATE DELETE'),
				('public.chosen', 'SELECT INSERT UPDATE DELETE'),
				('public.code_attempts', 'SELECT INSERT UPDATE DELETE'),
				('public.erased_addresses', 'SELECT INSERT UPDATE DELETE'),
				('public.events', 'SELECT INSERT UPDATE DELETE'),
				('public.fee_entries', 'SELECT'),
				('public.fee_entry_ids', 'USAGE'),
				('public.fees', 'SELECT INSERT UPDATE DELETE'),
				('public.former_identifiers', 'SELECT INSERT UPDATE DELETE'),
				('public.gateway_probes', 'SELECT INSERT UPDATE DELETE'),
				('public.idempotency', 'SELECT INSERT UPDATE DELETE'),
				('public.identifiers', 'SELECT INSERT UPDATE DELETE'),
				('public.installation', 'SELECT INSERT UPDATE DELETE'),
				('public.invitations', 'SELECT INSERT UPDATE DELETE'),
				('public.mail_choices', 'SELECT INSERT UPDATE DELETE'),
				('public.mail_digests', 'SELECT INSERT UPDATE DELETE'),
				('public.mail_refusals', 'SELECT INSERT UPDATE DELETE'),
				('public.mail_sender', 'SELECT INSERT UPDATE DELETE'),
				('public.mails', 'SELECT INSERT UPDATE DELETE'),
				('public.message_groups', 'SELECT INSERT UPDATE DELETE'),
				('public.messages', 'SELECT INSERT UPDATE DELETE'),
				('public.open_transfers', 'SELECT INSERT UPDATE DELETE'),
				('public.outbox', 'SELECT INSERT UPDATE DELETE'),
				('public.owner_corrections', 'SELECT INSERT UPDATE DELETE'),
				('public.people', 'SELECT INSERT UPDATE DELETE'),
				('public.plan_mappings', 'SELECT INSERT UPDATE DELETE'),
				('public.plan_prices', 'SELECT INSERT UPDATE DELETE'),
				('public.plans', 'SELECT INSERT UPDATE DELETE'),
				('public.pull_news', 'SELECT INSERT UPDATE DELETE'),
				('public.pull_owners', 'SELECT INSERT UPDATE DELETE'),
				('public.pulls', 'SELECT INSERT UPDATE DELETE'),
				('public.registrations', 'SELECT INSERT UPDATE DELETE'),
				('public.requests', 'SELECT INSERT UPDATE DELETE'),
				('public.retired_sims', 'SELECT INSERT UPDATE DELETE'),
				('public.sign_in_links', 'SELECT INSERT UPDATE DELETE'),
				('public.sign_ins', 'SELECT INSERT UPDATE DELETE'),
				('public.sim_details', 'SELECT INSERT UPDATE DELETE'),
				('public.sims', 'SELECT INSERT UPDATE DELETE'),
				('public.swaps', 'SELECT INSERT UPDATE DELETE'),
				('public.transfer_codes', 'SELECT INSERT UPDATE DELETE'),
				('public.transfers', 'SELECT INSERT UPDATE DELETE'),
				('public.unique_references', 'SELECT INSERT UPDATE DELETE'),
				('public.webhook_deliveries', 'SELECT INSERT UPDATE DELETE'),
				('public.webhook_endpoints', 'SELECT INSERT UPDATE DELETE'),
				('public.withdrawn', 'SELECT INSERT UPDATE DELETE'),
				('public.work', 'SELECT INSERT UPDATE DELETE'),
				('radius.nas', 'SELECT INSERT UPDATE DELETE'),
				('radius.radacct', 'SELECT UPDATE')
		) AS needed (name, privileges)
		JOIN pg_namespace n ON n.nspname = split_part(needed.name, '.', 1)
		JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = split_part(needed.name, '.', 2)
		CROSS JOIN unnest(string_to_array(needed.privileges, ' ')) WITH ORDINALITY AS p (privilege, nr)
		WHERE NOT CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, p.privilege) ELSE has_table_privilege(c.oid, p.privilege) END
	) missing
	GROUP BY object
) grants;
