-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Writes an event of a request, with the request's next sequence number.
-- Given:    @request. The event's @kind, and the @party who caused it, with the API @key and the
--           @address of the call (null and empty for the system).
--           The states @from and @to; empty if the state did not change. A JSON object with @detail.
--           Whether the event is hidden from the source (@from_source) and from the destination (@from_destination).
-- Returns:  nothing
-- Locks:    Takes the request, as the last lock of the transaction.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE insert_event(request, from_source, from_destination, kind, party, key, address, from, to, detail);
PREPARE insert_event AS
WITH r AS (
	UPDATE requests
	SET last_event = last_event + 1, last_tx = greatest(last_tx, pg_current_xact_id())
	WHERE id = $1 /*request*/
	RETURNING
		id,
		CASE WHEN NOT $2 /*from_source*/ THEN source END AS source,
		CASE WHEN offered_at IS NOT NULL AND NOT $3 /*from_destination*/ THEN destination END AS destination,
		last_event,
		last_tx
)
INSERT INTO events (request, source, destination, seq, tx, kind, party, api_key, address, from_state, to_state, detail)
SELECT
	id,
	source,
	destination,
	last_event,
	last_tx,
	$4 /*kind*/,
	$5 /*party*/,
	$6 /*key*/,
	nullif($7 /*address*/, ''),
	nullif($8 /*from*/, ''),
	nullif($9 /*to*/, ''),
	$10 /*detail*/
FROM r;
