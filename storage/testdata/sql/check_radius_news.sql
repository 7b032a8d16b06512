-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: accounting has arrived in the last day, if sessions are open.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_radius_news;
PREPARE check_radius_news AS
SELECT format('no accounting has arrived since %s, although %s sessions are open: look at the log of FreeRADIUS or simtransfer radius, and whether the gateways send their accounting there', max(coalesce(acctupdatetime, acctstarttime)), count(*))
FROM radius.radacct
WHERE acctstoptime IS NULL
HAVING max(coalesce(acctupdatetime, acctstarttime)) < clock_timestamp() - interval '1 day';
