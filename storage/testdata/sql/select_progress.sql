-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads what is left of a request.
-- Given:    @request.
-- Returns:  Its state and counters.
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE select_progress(request);
PREPARE select_progress AS
SELECT state, n_left, n_eligible, n_support, size, size - n_ineligible - n_withheld AS n_offered, n_completed
FROM requests
WHERE id = $1 /*request*/;
