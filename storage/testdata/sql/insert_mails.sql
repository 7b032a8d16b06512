-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Makes mails to the contacts of accounts and to people, unless no mail is sent. A mail that was made already is not made again.
-- Given:    Arrays with a row for each mail: the @events that name what it is about, the @accounts (0: to a person), the
--           @addresses (empty: to the contacts for the purpose), the @kinds and @purposes, the @types, the @requests (empty: none),
--           and what it says: @data.
-- Returns:  The number of mails.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE insert_mails(events, accounts, addresses, kinds, purposes, types, requests, data);
PREPARE insert_mails AS
WITH given AS MATERIALIZED (
	SELECT *
	FROM unnest($1 /*events*/::text[], $2 /*accounts*/::bigint[], $3 /*addresses*/::text[], $4 /*kinds*/::text[], $5 /*purposes*/::text[], $6 /*types*/::text[], $7 /*requests*/::text[],
		$8 /*data*/::text[]) WITH ORDINALITY AS u (event, account, address, kind, purpose, type, request, data, nth)
), addressed AS (
	SELECT g.event, g.account, g.kind, g.type, g.request, g.data, g.nth, c.address
	FROM given g
	LEFT JOIN accounts a ON a.id = g.account
	CROSS JOIN LATERAL (
		SELECT g.address WHERE g.address <> ''
		UNION
		SELECT jsonb_array_elements_text(a.contacts -> g.purpose) WHERE g.address = ''
		UNION
		SELECT a.email WHERE g.address = '' AND coalesce(jsonb_array_length(a.contacts -> g.purpose), 0) = 0
	) c (address)
), made AS (
	INSERT INTO mails (event, account, address, kind, type, request, data)
	SELECT d.event, nullif(d.account, 0), d.address, d.kind, d.type, nullif(d.request, '')::uuid, d.data::jsonb
	FROM addressed d
	WHERE d.address NOT LIKE '%@erased.invalid'
	  AND NOT EXISTS (SELECT 1 FROM mail_choices x WHERE (x.account, x.address, x.kind) = (d.account, d.address, d.kind))
	  AND (SELECT active_until > clock_timestamp() FROM mail_sender)
	ORDER BY d.nth, d.address
	ON CONFLICT DO NOTHING
	RETURNING 1
)
SELECT count(*) FROM made;
