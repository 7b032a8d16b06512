-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Gives sessions another key, because their gateway has used their ids again. One that is open has ended without
--           a report; its last news is taken for its end.
-- Given:    @keys of the sessions.
-- Returns:  nothing
-- Locks:    The caller holds the SIMs. Takes the sessions.
--
-- EXPLAIN EXECUTE retire_reused_sessions(keys);
PREPARE retire_reused_sessions AS
UPDATE radius.radacct
SET acctuniqueid = acctuniqueid || '-' || radacctid,
	acctterminatecause = CASE WHEN acctstoptime IS NULL THEN 'NAS-Reboot' ELSE acctterminatecause END,
	acctstoptime = coalesce(acctstoptime, acctupdatetime, acctstarttime)
WHERE acctuniqueid = ANY($1 /*keys*/);
