-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks a work row, waiting for the transaction that holds it.
-- Given:    @id of the work.
-- Returns:  The row; none if the work is done.
-- Locks:    Takes the work row: the first lock of a transaction that works on it.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE lock_work(id);
PREPARE lock_work AS
SELECT
	w.id,
	w.kind,
	w.request,
	coalesce((SELECT r.state FROM requests r WHERE r.id = w.request), '') AS state,
	coalesce(w.lo, 0) AS lo,
	coalesce(w.hi, 0) AS hi,
	w.items,
	w.n,
	w.gateway,
	w.queue,
	w.gen,
	w.attempts,
	w.errors,
	w.crashes,
	w.dead_at IS NOT NULL AS dead,
	w.not_before <= clock_timestamp() AS due,
	w.lease,
	coalesce(w.lease_until >= clock_timestamp(), false) AS leased
FROM work w
WHERE w.id = $1 /*id*/
FOR UPDATE;
