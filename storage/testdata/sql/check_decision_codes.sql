-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: the codes with which SIMs of a request were declined, denied or canceled are those of the request.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_decision_codes;
PREPARE check_decision_codes AS
SELECT format('transfer %s/%s was %s with the code %s, but its request has %s', t.request, t.n, t.state, t.code, coalesce(r.codes::text, 'none'))
FROM transfers t
JOIN requests r ON r.id = t.request
WHERE t.code IS NOT NULL AND NOT t.code = ANY (coalesce(r.codes, '{}'));
