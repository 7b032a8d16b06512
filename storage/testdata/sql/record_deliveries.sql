-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records attempts to deliver messages.
-- Given:    Arrays with a row for each attempt: @ids of the deliveries, how many @attempts there were, @ats, how many
--           milliseconds it @took, @statuses (0: no answer), @errors (empty: delivered), the headers of the request
--           (@requests) and of the response (@answers) as JSON (empty: none), the beginning of the @responses, and after how
--           many seconds the next attempt is due (@waits; negative: there is none).
-- Returns:  nothing
-- Locks:    The caller holds the row of work. Takes the deliveries.
--
-- EXPLAIN EXECUTE record_deliveries(ids, attempts, ats, took, statuses, errors, requests, answers, responses, waits);
PREPARE record_deliveries AS
UPDATE webhook_deliveries d
SET state = CASE WHEN u.error = '' THEN 'delivered' WHEN u.wait < 0 THEN 'failed' ELSE 'pending' END,
	attempts = u.attempts,
	not_before = CASE WHEN u.error <> '' AND u.wait >= 0 THEN clock_timestamp() + make_interval(secs => u.wait) ELSE d.not_before END,
	attempted_at = u.at,
	took_ms = u.took,
	status = nullif(u.status, 0),
	error = nullif(u.error, ''),
	request_headers = u.request::jsonb,
	response_headers = nullif(u.answer, '')::jsonb,
	response = nullif(u.response, '')
FROM unnest($1 /*ids*/::bigint[], $2 /*attempts*/::int[], $3 /*ats*/::timestamptz[], $4 /*took*/::int[], $5 /*statuses*/::int[], $6 /*errors*/::text[], $7 /*requests*/::text[],
	$8 /*answers*/::text[], $9 /*responses*/::bytea[], $10 /*waits*/::float8[]) AS u (id, attempts, at, took, status, error, request, answer, response, wait)
WHERE d.id = u.id AND d.state = 'pending';
