-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Brings a request that a party ended back to the state that it had, with its transfers and its expiry.
-- Given:    @request, and the @outcome that its transfers had.
-- Returns:  How many transfers are eligible, and how many were when it was ended.
-- Locks:    The caller holds the request and the claims. Takes the transfers.
--
-- EXPLAIN EXECUTE reopen_request(request, outcome);
PREPARE reopen_request AS
WITH reopened AS (
	UPDATE transfers t
	SET state = 'eligible', finished_at = NULL, code = NULL
	FROM requests r
	WHERE r.id = $1 /*request*/ AND t.request = r.id AND t.state = $2 /*outcome*/ AND t.finished_at >= r.ended_at AND t.sim IS NOT NULL AND t.method IS NOT NULL
	RETURNING t.method, t.fee
), counted AS (
	SELECT
		count(*) AS eligible,
		count(*) FILTER (WHERE method = 'support_assisted') AS support,
		count(*) FILTER (WHERE fee IS NULL) AS unquoted,
		coalesce(sum(fee), 0) AS quoted
	FROM reopened
), was AS (
	SELECT ended_open FROM requests WHERE id = $1 /*request*/
)
UPDATE requests r
SET state = ended_from,
	expires_at = ended_expiry,
	finished_at = NULL,
	code = NULL,
	reason = NULL,
	codes = CASE
		WHEN EXISTS (SELECT FROM transfers t WHERE t.request = r.id AND t.code = r.code AND t.finished_at < r.ended_at) THEN codes
		ELSE array_remove(codes, code)
	END,
	n_eligible = c.eligible,
	n_support = c.support,
	n_unquoted = c.unquoted,
	quoted = c.quoted,
	n_canceled = n_canceled - CASE $2 /*outcome*/ WHEN 'canceled' THEN c.eligible ELSE 0 END,
	n_declined = n_declined - CASE $2 /*outcome*/ WHEN 'declined' THEN c.eligible ELSE 0 END,
	n_denied = n_denied - CASE $2 /*outcome*/ WHEN 'denied' THEN c.eligible ELSE 0 END,
	ended_at = NULL,
	ended_by = NULL,
	ended_from = NULL,
	ended_expiry = NULL,
	ended_open = NULL
FROM counted c, was
WHERE r.id = $1 /*request*/
RETURNING r.n_eligible AS eligible, was.ended_open AS was;
