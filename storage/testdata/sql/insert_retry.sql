-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates a request that retries lines of a finished one, between the same accounts, with its reference and message.
-- Given:    The finished @request and the id of the @retry. @self_service_only, the @queue of its work and its @size.
--           How many seconds the destination has (@acceptance, 0: as for the finished request) and support has (@review).
-- Returns:  nothing
-- Locks:    The caller holds the finished request.
--
-- EXPLAIN EXECUTE insert_retry(retry, self_service_only, acceptance, review, queue, size, request);
PREPARE insert_retry AS
INSERT INTO requests (id, retry_of, source, destination, self_service_only, acceptance, review, queue, state, size, n_left, reference, message)
SELECT
	$1 /*retry*/,
	id,
	source,
	destination,
	$2 /*self_service_only*/,
	CASE WHEN $3 /*acceptance*/ = 0 THEN acceptance ELSE make_interval(secs => $3 /*acceptance*/) END,
	make_interval(secs => $4 /*review*/),
	$5 /*queue*/,
	'validating',
	$6 /*size*/,
	$6 /*size*/,
	reference,
	message
FROM requests
WHERE id = $7 /*request*/;
