-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Writes an event of a request, with the request's next sequence number.
-- Given:    @request. The event's @kind, and the @party who caused it, with the API @key and the
--           @address of the call (null and empty for the system).
--           The states @from and @to; empty if the state did not change. A JSON object with @detail.
-- Returns:  nothing
-- Locks:    Takes the request, as the last lock of the transaction.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE insert_event(request, kind, party, key, address, from, to, detail);
PREPARE insert_event AS
WITH r AS (
	UPDATE requests
	SET last_event = last_event + 1, last_tx = greatest(last_tx, pg_current_xact_id())
	WHERE id = $1 /*request*/
	RETURNING id, source, CASE WHEN offered_at IS NOT NULL AND $2 /*kind*/ <> 'retry' THEN destination END AS destination, last_event, last_tx
)
INSERT INTO events (request, source, destination, seq, tx, kind, party, api_key, address, from_state, to_state, detail)
SELECT
	id,
	source,
	destination,
	last_event,
	last_tx,
	$2 /*kind*/,
	$3 /*party*/,
	$4 /*key*/,
	nullif($5 /*address*/, ''),
	nullif($6 /*from*/, ''),
	nullif($7 /*to*/, ''),
	$8 /*detail*/
FROM r;
