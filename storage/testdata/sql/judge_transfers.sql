-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Decides for each pending transfer of a chunk whether it is eligible, by the rules of package transfer.
--           Sets its method, and quotes its fee. Deletes the claims of those that are ineligible.
-- Given:    @request and the numbers of the chunk's transfers: from @lo to below @hi.
--           @claims has the claimed SIM of each, 0 for none, in the order of the numbers.
-- Returns:  How many transfers are eligible and ineligible, and the change of the request's counters and sums; and how many have claimed a SIM that their identifier does not name any more.
-- Locks:    The caller holds the work row and the claims. Takes the transfers.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE judge_transfers(request, claims, lo, hi);
PREPARE judge_transfers AS
WITH r AS MATERIALIZED (
	SELECT
		r.id,
		r.source,
		r.destination,
		r.queue,
		r.partial,
		r.fee_override,
		r.self_service_only,
		mapped.landing,
		src.currency,
		src.coverage <> dst.coverage AS crosses_coverage,
		dst.plans,
		src.standing = 'open' AND dst.standing = 'open' AS accounts_open
	FROM requests r
	JOIN accounts src ON src.id = r.source
	JOIN accounts dst ON dst.id = r.destination
	LEFT JOIN LATERAL (
		SELECT jsonb_strip_nulls(jsonb_build_object(
			'plans', CASE WHEN pair.default_plan IS NULL THEN coalesce(general.plans, '{}') ELSE '{}' END || coalesce(pair.plans, '{}'),
			'default_plan', coalesce(pair.default_plan, general.default_plan))) AS landing
		FROM (SELECT dst.id AS account, src.operator_id AS source) of
		LEFT JOIN plan_mappings pair ON pair.account = of.account AND pair.source = of.source
		LEFT JOIN plan_mappings general ON general.account = of.account AND general.source = ''
		WHERE pair.account IS NOT NULL OR general.account IS NOT NULL
	) mapped ON true
	WHERE r.id = $1 /*request*/
), fee AS MATERIALIZED (
	SELECT amount, entry
	FROM (
		(
			SELECT 1 AS rank, f.amount, f.id AS entry
			FROM account_fees f, r
			WHERE f.account = r.source AND f.method = 'support_assisted' AND f.valid_from <= clock_timestamp()
			ORDER BY f.valid_from DESC
			LIMIT 1
		)
		UNION ALL
		(
			SELECT 2, f.amount, f.id
			FROM fees f, r
			WHERE f.method = 'support_assisted' AND f.currency = r.currency AND f.valid_from <= clock_timestamp()
			ORDER BY f.valid_from DESC
			LIMIT 1
		)
	) AS entries
	WHERE amount IS NOT NULL
	ORDER BY rank
	LIMIT 1
), judged AS MATERIALIZED (
	SELECT
		t.ctid AS transfer_at,
		t.n,
		CASE WHEN s.account = r.source THEN s.id END AS sim,
		o.sim AS claimed,
		o.sim <> coalesce(i.sim, 0) AS renamed,
		CASE WHEN s.status = 'ready' THEN 'self_service' WHEN s.status <> 'terminated' THEN 'support_assisted' END AS method,
		CASE
			WHEN s.id IS NULL THEN 'sim_not_found'
			WHEN s.account <> r.source THEN 'sim_not_found'
			WHEN NOT r.accounts_open THEN 'account_closed'
			WHEN s.status = 'terminated' THEN 'sim_terminated'
			WHEN o.sim IS NULL THEN 'already_transferring'
			WHEN s.transfer_lock THEN 'sim_locked'
			WHEN r.crosses_coverage AND (SELECT p.coverage_bound FROM plans p WHERE p.name = coalesce(r.landing ->> 'plan', r.landing -> 'plans' ->> s.plan, r.landing ->> 'default_plan', s.plan)) THEN 'plan_not_transferable'
			WHEN coalesce(r.landing ->> 'plan', r.landing -> 'plans' ->> s.plan, r.landing ->> 'default_plan', s.plan) <> ALL (nullif(r.plans, '{}')) THEN 'plan_not_available'
			WHEN r.self_service_only AND CASE WHEN s.status = 'ready' THEN 'self_service' WHEN s.status <> 'terminated' THEN 'support_assisted' END = 'support_assisted' THEN 'needs_support'
		END AS reason
	FROM r
	JOIN transfers t ON t.request = r.id
	CROSS JOIN LATERAL (SELECT nullif(($2 /*claims*/::bigint[])[t.n - $3 /*lo*/ + 1], 0) AS sim) o
	LEFT JOIN identifiers i ON i.identifier = t.identifier
	LEFT JOIN sims s ON s.id = coalesce(o.sim, i.sim)
	WHERE t.n >= $3 /*lo*/ AND t.n < $4 /*hi*/
	  AND t.state = 'pending'
), marked AS (
	UPDATE transfers t
	SET state = CASE WHEN j.reason IS NULL THEN 'eligible' ELSE 'ineligible' END,
		reason = j.reason,
		sim = j.sim,
		method = CASE WHEN j.reason IS NULL THEN j.method END,
		fee = CASE
			WHEN j.reason IS NOT NULL THEN NULL
			WHEN j.method = 'self_service' THEN 0
			ELSE (SELECT amount FROM fee)
		END,
		finished_at = CASE WHEN j.reason IS NOT NULL THEN clock_timestamp() END
	FROM judged j
	WHERE t.ctid = j.transfer_at
), unclaimed AS (
	DELETE FROM open_transfers o
	USING judged j
	WHERE j.reason IS NOT NULL AND o.sim = j.claimed AND o.request = $1 /*request*/ AND o.n = j.n
)
SELECT
	count(*) FILTER (WHERE reason IS NULL) AS eligible,
	count(*) FILTER (WHERE reason IS NULL AND method = 'support_assisted') AS support,
	count(*) FILTER (WHERE reason IS NULL AND method = 'support_assisted' AND NOT EXISTS (SELECT 1 FROM fee)) AS unquoted,
	count(*) FILTER (WHERE reason IS NULL AND method = 'support_assisted') * coalesce((SELECT amount FROM fee), 0) AS quoted,
	CASE WHEN count(*) FILTER (WHERE reason IS NULL AND method = 'support_assisted') > 0 THEN (SELECT entry FROM fee) END AS fee_entry,
	count(*) FILTER (WHERE reason IS NOT NULL) AS ineligible,
	count(*) FILTER (WHERE reason IS NOT NULL AND sim IS NULL) AS unknown,
	count(*) FILTER (WHERE renamed) AS renamed
FROM judged;
