-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates a request with its first event, its validation work and, if they are given, its transfers.
-- Given:    The @id, the @batch or null, the accounts @source and @destination, @self_service_only.
--           How many seconds the destination has (@acceptance) and support has (@review).
--           The @queue of the work, the @size of the request and the maximum size of a @chunk.
--           Who made it: the @party, the API @key and the @address of the call. The @reference and the @message, each empty for none, and whether
--           the reference was to be @unique.
--           The @lines and @identifiers of the SIMs in the order of submission; empty if they are copied later. Their
--           @references; empty if none has one. @lock: whether to make sure that both accounts are and stay open.
--           The @selection as JSON, null if the SIMs were listed one by one.
-- Returns:  When it was created; no row if an account is closed.
-- Locks:    Takes the accounts, by ascending id, shared with other calls, if @lock is true.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE insert_request(lock, source, destination, id, size, queue, batch, self_service_only, acceptance, review, reference, message, unique, party, key, address, selection, chunk, lines, identifiers, references);
PREPARE insert_request AS
WITH accounts_open AS (
	SELECT bool_and(standing = 'open') AS yes
	FROM (
		SELECT standing
		FROM accounts
		WHERE $1 /*lock*/::boolean AND id IN ($2 /*source*/, $3 /*destination*/)
		ORDER BY id
		FOR SHARE
	) AS locked
), r AS (
	SELECT $4 /*id*/::uuid AS id, $5 /*size*/::int AS size, $6 /*queue*/::text AS queue
	FROM accounts_open
	WHERE coalesce(yes, true)
), made AS (
	INSERT INTO requests (id, batch, source, destination, self_service_only, acceptance, review, queue, state, size, n_left, last_event, reference, message, unique_reference)
	SELECT
		id,
		$7 /*batch*/,
		$2 /*source*/,
		$3 /*destination*/,
		$8 /*self_service_only*/,
		make_interval(secs => $9 /*acceptance*/),
		make_interval(secs => $10 /*review*/),
		queue,
		'validating',
		size,
		size,
		1,
		nullif($11 /*reference*/, ''),
		nullif($12 /*message*/, ''),
		$13 /*unique*/::boolean
	FROM r
	RETURNING created_at
), event AS (
	INSERT INTO events (request, source, seq, kind, party, api_key, address, to_state, detail)
	SELECT id, $2 /*source*/, 1, 'create', $14 /*party*/, $15 /*key*/, nullif($16 /*address*/, ''), 'validating', jsonb_strip_nulls(jsonb_build_object('size', size, 'selection', $17 /*selection*/::jsonb))
	FROM r
), due AS (
	INSERT INTO work (kind, request, lo, hi, n, queue)
	SELECT 'validate', id, lo, least(lo + $18 /*chunk*/, size), least($18 /*chunk*/, size - lo), queue
	FROM r, generate_series(0, size - 1, $18 /*chunk*/::int) AS lo
), listed AS (
	INSERT INTO transfers (request, n, line, identifier, reference)
	SELECT id, nth - 1, line, identifier, nullif(reference, '')
	FROM r, unnest($19 /*lines*/::int[], $20 /*identifiers*/::text[], $21 /*references*/::text[]) WITH ORDINALITY AS u (line, identifier, reference, nth)
)
SELECT created_at
FROM made;
