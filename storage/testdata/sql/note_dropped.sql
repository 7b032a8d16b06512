-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records on eligible transfers that a session of their SIM was disconnected.
-- Given:    @request and the @numbers of its transfers.
-- Returns:  nothing
-- Locks:    The caller holds the work row and the SIMs. Takes the transfers.
--
-- EXPLAIN EXECUTE note_dropped(request, numbers);
PREPARE note_dropped AS
UPDATE transfers
SET session_dropped = true
WHERE request = $1 /*request*/ AND n = ANY($2 /*numbers*/::int[]) AND state = 'eligible' AND NOT session_dropped;
