-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: every open session was linked to its SIM, if an error kept the trigger from doing so.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_session_starts;
PREPARE check_session_starts AS
SELECT format('session %s at gateway %s is not linked: %s', radacctid, host(nasipaddress), start_error)
FROM radius.radacct
WHERE sim IS NULL AND acctstoptime IS NULL AND start_error IS NOT NULL;
