-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: a comment is an event for the parties that see it, and for no other side.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_comment_readers;
PREPARE check_comment_readers AS
SELECT format('comment %s of request %s is for %s, but its event is for the source: %s, for the destination: %s',
	e.seq, e.request, e.detail->>'visible_to', e.source IS NOT NULL, e.destination IS NOT NULL)
FROM events e
WHERE e.kind = 'comment'
  AND ((e.source IS NOT NULL) <> (e.detail->'visible_to' ? 'source')
    OR e.destination IS NOT NULL AND NOT e.detail->'visible_to' ? 'destination');
