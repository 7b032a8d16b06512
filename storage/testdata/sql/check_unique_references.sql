-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: a reference that was to be unique is that of a request of its account.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_unique_references;
PREPARE check_unique_references AS
SELECT format('account %s has no request with the reference %s', u.account, u.reference)
FROM unique_references u
WHERE NOT EXISTS (SELECT 1 FROM requests r WHERE r.reference = u.reference AND r.source = u.account);
