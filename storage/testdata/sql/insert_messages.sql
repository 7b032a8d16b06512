-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Stores messages with their deliveries.
-- Given:    Arrays with a row for each message: the @events that name them, the @accounts that hear them (0: staff), @types,
--           @ats and @bodies. Arrays with a row for each delivery: the @endpoints, and of which message: by its number in the
--           arrays (@nths). Messages of one account have different names.
-- Returns:  The number of deliveries.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE insert_messages(events, accounts, types, ats, bodies, endpoints, nths);
PREPARE insert_messages AS
WITH given AS MATERIALIZED (
	SELECT *
	FROM unnest($1 /*events*/::text[], $2 /*accounts*/::bigint[], $3 /*types*/::text[], $4 /*ats*/::timestamptz[], $5 /*bodies*/::text[])
		WITH ORDINALITY AS u (event, account, type, at, body, nth)
), made AS (
	INSERT INTO messages (event, account, type, at, body)
	SELECT event, nullif(account, 0), type, at, body
	FROM given
	ORDER BY nth
	RETURNING id, event, coalesce(account, 0) AS account
), delivered AS (
	INSERT INTO webhook_deliveries (endpoint, message)
	SELECT d.endpoint, made.id
	FROM unnest($6 /*endpoints*/::uuid[], $7 /*nths*/::bigint[]) AS d (endpoint, nth)
	JOIN given ON given.nth = d.nth
	JOIN made ON made.event = given.event AND made.account = given.account
	ORDER BY made.id, d.endpoint
	RETURNING 1
)
SELECT count(*) FROM delivered;
