-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads a batch with the sums of its requests.
-- Given:    @id of the batch.
-- Returns:  The batch; none if it does not exist.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_batch(id);
PREPARE select_batch AS
SELECT
	b.id,
	b.account,
	a.operator_id,
	a.external_id AS account_external_id,
	b.created_at,
	b.size,
	b.reference,
	b.message,
	r.requests,
	r.unfinished,
	r.n_pending,
	r.n_eligible,
	r.n_support,
	r.n_completed,
	r.n_ineligible,
	r.n_failed,
	r.n_canceled,
	r.n_declined,
	r.n_denied,
	r.n_expired,
	r.n_purged
FROM batches b
JOIN accounts a ON a.id = b.account
CROSS JOIN LATERAL (
	SELECT
		count(*) AS requests,
		count(*) FILTER (WHERE finished_at IS NULL) AS unfinished,
		coalesce(sum(size - n_eligible - n_completed - n_ineligible - n_failed - n_canceled - n_declined - n_denied - n_expired), 0) AS n_pending,
		coalesce(sum(n_eligible), 0) AS n_eligible,
		coalesce(sum(n_support), 0) AS n_support,
		coalesce(sum(n_completed), 0) AS n_completed,
		coalesce(sum(n_ineligible), 0) AS n_ineligible,
		coalesce(sum(n_failed), 0) AS n_failed,
		coalesce(sum(n_canceled), 0) AS n_canceled,
		coalesce(sum(n_declined), 0) AS n_declined,
		coalesce(sum(n_denied), 0) AS n_denied,
		coalesce(sum(n_expired), 0) AS n_expired,
		coalesce(sum(n_purged), 0) AS n_purged
	FROM requests
	WHERE batch = b.id
) r
WHERE b.id = $1 /*id*/;
