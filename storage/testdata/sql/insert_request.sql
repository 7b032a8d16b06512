-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates a request with its first event, its validation work and, if they are given, its transfers.
-- Given:    The @id, the @batch or null, the accounts @source and @destination, @self_service_only.
--           How many seconds the destination has (@acceptance) and support has (@review).
--           The @queue of the work, the @size of the request and the maximum size of a @chunk.
--           Who made it: the @party, the API @key and the @address of the call. The @reference and the @message, each empty for none.
--           The @lines and @identifiers of the SIMs in the order of submission; empty if they are copied later. Their
--           @references; empty if none has one.
-- Returns:  When it was created.
-- Locks:    nothing
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE insert_request(id, size, queue, batch, source, destination, self_service_only, acceptance, review, reference, message, party, key, address, chunk, lines, identifiers, references);
PREPARE insert_request AS
WITH r AS (
	SELECT $1 /*id*/::uuid AS id, $2 /*size*/::int AS size, $3 /*queue*/::text AS queue
), made AS (
	INSERT INTO requests (id, batch, source, destination, self_service_only, acceptance, review, queue, state, size, n_left, last_event, reference, message)
	SELECT
		id,
		$4 /*batch*/,
		$5 /*source*/,
		$6 /*destination*/,
		$7 /*self_service_only*/,
		make_interval(secs => $8 /*acceptance*/),
		make_interval(secs => $9 /*review*/),
		queue,
		'validating',
		size,
		size,
		1,
		nullif($10 /*reference*/, ''),
		nullif($11 /*message*/, '')
	FROM r
	RETURNING created_at
), event AS (
	INSERT INTO events (request, source, seq, kind, party, api_key, address, to_state, detail)
	SELECT id, $5 /*source*/, 1, 'create', $12 /*party*/, $13 /*key*/, nullif($14 /*address*/, ''), 'validating', jsonb_build_object('size', size)
	FROM r
), due AS (
	INSERT INTO work (kind, request, lo, hi, n, queue)
	SELECT 'validate', id, lo, least(lo + $15 /*chunk*/, size), least($15 /*chunk*/, size - lo), queue
	FROM r, generate_series(0, size - 1, $15 /*chunk*/::int) AS lo
), listed AS (
	INSERT INTO transfers (request, n, line, identifier, reference)
	SELECT id, nth - 1, line, identifier, nullif(reference, '')
	FROM r, unnest($16 /*lines*/::int[], $17 /*identifiers*/::text[], $18 /*references*/::text[]) WITH ORDINALITY AS u (line, identifier, reference, nth)
)
SELECT created_at
FROM made;
