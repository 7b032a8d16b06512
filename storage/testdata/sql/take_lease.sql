-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Leases work that is due or dead, unless another worker has a valid lease on it.
-- Given:    @id of the work, the new @lease, and how many @seconds it lasts.
-- Returns:  The work row; none if the work is done, not due or leased.
-- Locks:    Takes the work row, until the end of the statement.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE take_lease(lease, seconds, id);
PREPARE take_lease AS
UPDATE work w
SET lease = $1 /*lease*/, lease_until = clock_timestamp() + make_interval(secs => $2 /*seconds*/)
WHERE w.id = $3 /*id*/
  AND (w.not_before <= clock_timestamp() OR w.dead_at IS NOT NULL)
  AND (w.lease_until IS NULL OR w.lease_until < clock_timestamp())
RETURNING
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
	coalesce(w.lease_until >= clock_timestamp(), false) AS leased;
