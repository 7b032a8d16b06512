-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records on eligible transfers what the gateway answered last about a session of their SIM.
-- Given:    @request, the @numbers of its transfers and the @answers about them.
-- Returns:  nothing
-- Locks:    The caller holds the work row. Takes the transfers.
--
-- EXPLAIN EXECUTE note_answers(numbers, answers, request);
PREPARE note_answers AS
UPDATE transfers t
SET gateway_answer = left(u.answer, 500)
FROM unnest($1 /*numbers*/::int[], $2 /*answers*/::text[]) AS u (n, answer)
WHERE t.request = $3 /*request*/ AND t.n = u.n AND t.state = 'eligible' AND t.gateway_answer IS DISTINCT FROM left(u.answer, 500);
