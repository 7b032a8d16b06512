-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Copies lines of a finished request to a new one: those that were ineligible, failed or expired, and those
--           that needed no support and were denied with others that did, unless another request already retries them.
--           Of several lines that name one SIM of the source, it copies the first.
-- Given:    The finished @request and the @retry of it. @reasons of the lines; an empty array means all.
-- Returns:  nothing
-- Locks:    The caller holds the finished request.
--
-- EXPLAIN EXECUTE copy_retried_lines(request, reasons, retry);
PREPARE copy_retried_lines AS
WITH lines AS (
	SELECT
		t.n,
		t.line,
		t.identifier,
		t.reference,
		s.id IS NULL OR row_number() OVER (PARTITION BY s.id ORDER BY t.n) = 1 AS is_first
	FROM transfers t
	LEFT JOIN identifiers i ON i.identifier = t.identifier
	LEFT JOIN sims s ON s.id = i.sim AND s.account = (SELECT source FROM requests WHERE id = $1 /*request*/)
	WHERE t.request = $1 /*request*/
	  AND (t.state IN ('ineligible', 'failed', 'expired') OR t.state = 'denied' AND t.method = 'self_service')
	  AND (cardinality($2 /*reasons*/::text[]) = 0 OR t.reason = ANY($2 /*reasons*/))
	  AND NOT EXISTS (
		SELECT 1
		FROM requests again
		JOIN transfers x ON x.request = again.id
		WHERE again.retry_of = $1 /*request*/ AND x.line = t.line AND x.identifier = t.identifier
	  )
)
INSERT INTO transfers (request, n, line, identifier, reference)
SELECT $3 /*retry*/, row_number() OVER (ORDER BY n) - 1, line, identifier, reference
FROM lines
WHERE is_first;
