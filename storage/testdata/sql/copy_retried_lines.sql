-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Copies lines of a finished request to a new one: those that were ineligible, failed or expired, and those
--           that needed no support and were denied with others that did, unless another request already retries them.
-- Given:    The finished @request and the @retry of it. @reasons of the lines; an empty array means all.
-- Returns:  nothing
-- Locks:    The caller holds the finished request.
--
-- EXPLAIN EXECUTE copy_retried_lines(retry, request, reasons);
PREPARE copy_retried_lines AS
INSERT INTO transfers (request, n, line, identifier)
SELECT $1 /*retry*/, row_number() OVER (ORDER BY t.n) - 1, t.line, t.identifier
FROM transfers t
WHERE t.request = $2 /*request*/
  AND (t.state IN ('ineligible', 'failed', 'expired') OR t.state = 'denied' AND t.method = 'self_service')
  AND (cardinality($3 /*reasons*/::text[]) = 0 OR t.reason = ANY($3 /*reasons*/))
  AND NOT EXISTS (
	SELECT 1
	FROM requests again
	JOIN transfers x ON x.request = again.id
	WHERE again.retry_of = $2 /*request*/ AND x.line = t.line AND x.identifier = t.identifier
  );
