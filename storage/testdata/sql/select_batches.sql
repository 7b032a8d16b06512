-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists batches, newest first.
-- Given:    @account (0: any); @before: only batches with a smaller id (null: any); @finished: whether all
--           requests are finished (null: any); @reference (empty: any); @created_after and @created_before, each null or an instant
--           with a bound for ids in @first_id and @last_id; @limit: maximum number of rows.
-- Returns:  The batches with the sums of their requests.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_batches(account, before, finished, reference, created_after, first_id, created_before, last_id, limit);
PREPARE select_batches AS
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
WHERE ($1 /*account*/ = 0 OR b.account = $1 /*account*/)
  AND ($2 /*before*/::uuid IS NULL OR b.id < $2 /*before*/)
  AND ($3 /*finished*/::boolean IS NULL OR $3 /*finished*/ = NOT EXISTS (SELECT 1 FROM requests WHERE batch = b.id AND finished_at IS NULL))
  AND ($4 /*reference*/ = '' OR b.reference = $4 /*reference*/)
  AND ($5 /*created_after*/::timestamptz IS NULL OR b.created_at >= $5 /*created_after*/ AND b.id >= $6 /*first_id*/::uuid)
  AND ($7 /*created_before*/::timestamptz IS NULL OR b.created_at < $7 /*created_before*/ AND b.id <= $8 /*last_id*/::uuid)
ORDER BY b.id DESC
LIMIT $9 /*limit*/;
