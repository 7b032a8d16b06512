-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Counts the comments that a party has written on a request.
-- Given:    @request and @party.
-- Returns:  The number.
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE count_comments(request, party);
PREPARE count_comments AS
SELECT count(*)
FROM events
WHERE request = $1 /*request*/ AND kind = 'comment' AND party = $2 /*party*/;
