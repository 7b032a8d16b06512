-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Declares that the transaction writes no events, so that the feeds do not wait for it.
-- Given:    nothing
-- Returns:  A row.
-- Locks:    Takes an advisory lock, shared with other such transactions.
--
-- EXPLAIN EXECUTE declare_no_events;
PREPARE declare_no_events AS
SELECT writes_no_events();
