-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Transfers the SIMs of a chunk: owner, settings, timeline, fee and transfer state.
--           Closes the transfers that no longer fit or were not chosen.
--           Adds drop work for SIMs with open data sessions.
-- Given:    @request and the numbers of the chunk's transfers: from @lo to below @hi.
-- Returns:  How many transfers came to each state, and the change of the request's counters and sums.
-- Locks:    The caller holds the work row, then the SIMs (lock_chunk_sims). Takes claims and transfers.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE hand_over_chunk(request, lo, hi);
PREPARE hand_over_chunk AS
WITH r AS MATERIALIZED (
	SELECT
		r.id,
		r.source,
		r.destination,
		r.queue,
		r.partial,
		r.fee_override,
		r.self_service_only,
		r.landing || '{}' AS landing,
		src.currency,
		src.coverage <> dst.coverage AS crosses_coverage,
		dst.plans,
		src.standing = 'open' AND dst.standing = 'open' AS accounts_open
	FROM requests r
	JOIN accounts src ON src.id = r.source
	JOIN accounts dst ON dst.id = r.destination
	WHERE r.id = $1 /*request*/
), verdict AS MATERIALIZED (
	SELECT
		CASE
			WHEN declined THEN 'declined'
			WHEN reason IS NOT NULL THEN 'failed'
			WHEN gateway IS NOT NULL THEN 'online'
			ELSE 'completed'
		END AS outcome,
		transfer_at,
		sim_at,
		n,
		sim,
		method,
		quoted,
		fee,
		reason,
		since,
		gateway,
		tags,
		expiration,
		termination_protection,
		sim_group,
		event_handlers,
		speed_class,
		containers,
		imei_lock,
		plan
	FROM (
		SELECT
			t.ctid AS transfer_at,
			s.ctid AS sim_at,
			t.n,
			t.sim,
			t.method,
			t.fee AS quoted,
			CASE t.method WHEN 'support_assisted' THEN coalesce(r.fee_override, t.fee) ELSE t.fee END AS fee,
			r.partial AND (SELECT c.n FROM chosen c WHERE c.request = t.request AND c.n = t.n) IS NULL AS declined,
			CASE
				WHEN s.account <> r.source THEN 'owner_changed'
				WHEN NOT r.accounts_open THEN 'account_closed'
				WHEN s.status = 'terminated' THEN 'sim_terminated'
				WHEN s.transfer_lock THEN 'sim_locked'
				WHEN t.method IS DISTINCT FROM CASE WHEN s.status = 'ready' THEN 'self_service' WHEN s.status <> 'terminated' THEN 'support_assisted' END THEN 'status_changed'
				WHEN r.crosses_coverage AND (SELECT p.coverage_bound FROM plans p WHERE p.name = coalesce(r.landing ->> 'plan', r.landing -> 'plans' ->> s.plan, r.landing ->> 'default_plan', s.plan)) THEN 'plan_not_transferable'
				WHEN coalesce(r.landing ->> 'plan', r.landing -> 'plans' ->> s.plan, r.landing ->> 'default_plan', s.plan) <> ALL (nullif(r.plans, '{}')) THEN 'plan_not_available'
			END AS reason,
			(SELECT min(host(a.nasipaddress)) FROM radius.radacct a WHERE a.sim = t.sim AND a.acctstoptime IS NULL) AS gateway,
			greatest(clock_timestamp(), s.since + interval '1 microsecond') AS since,
			s.tags,
			s.expiration,
			s.termination_protection,
			s.sim_group,
			s.event_handlers,
			s.speed_class,
			s.containers,
			s.imei_lock,
			s.plan
		FROM r
		JOIN transfers t ON t.request = r.id
		JOIN sims s ON s.id = t.sim
		WHERE t.n >= $2 /*lo*/ AND t.n < $3 /*hi*/
		  AND t.state = 'eligible'
	) judged
), moved AS (
	UPDATE sims s
	SET account = r.destination,
		since = v.since,
		tags = CASE v.method WHEN 'self_service' THEN '{}'::jsonb ELSE s.tags END || coalesce(r.landing -> 'tags', '{}'),
		expiration = CASE v.method WHEN 'self_service' THEN NULL::timestamptz ELSE s.expiration END,
		termination_protection = CASE v.method WHEN 'self_service' THEN false ELSE s.termination_protection END,
		sim_group = coalesce(r.landing ->> 'sim_group', NULL::text),
		event_handlers = '[]'::jsonb,
		speed_class = coalesce(r.landing ->> 'speed_class', NULL::text),
		containers = s.containers,
		imei_lock = CASE v.method WHEN 'self_service' THEN NULL::text ELSE s.imei_lock END,
		plan = coalesce(r.landing ->> 'plan', r.landing -> 'plans' ->> s.plan, r.landing ->> 'default_plan', s.plan)
	FROM verdict v, r
	WHERE s.ctid = v.sim_at AND v.outcome = 'completed'
	RETURNING s.id
), registered AS (
	INSERT INTO registrations (sim, since, account, request, n, before, after)
	SELECT
		v.sim,
		v.since,
		r.destination,
		r.id,
		v.n,
		ROW(
			v.tags,
			v.expiration,
			v.termination_protection,
			v.sim_group,
			v.event_handlers,
			v.speed_class,
			v.containers,
			v.imei_lock,
			v.plan
		)::sim_settings,
		ROW(
			CASE v.method WHEN 'self_service' THEN '{}'::jsonb ELSE v.tags END || coalesce(r.landing -> 'tags', '{}'),
			CASE v.method WHEN 'self_service' THEN NULL::timestamptz ELSE v.expiration END,
			CASE v.method WHEN 'self_service' THEN false ELSE v.termination_protection END,
			coalesce(r.landing ->> 'sim_group', NULL::text),
			'[]'::jsonb,
			coalesce(r.landing ->> 'speed_class', NULL::text),
			v.containers,
			CASE v.method WHEN 'self_service' THEN NULL::text ELSE v.imei_lock END,
			coalesce(r.landing ->> 'plan', r.landing -> 'plans' ->> v.plan, r.landing ->> 'default_plan', v.plan)
		)::sim_settings
	FROM verdict v, r
	WHERE v.outcome = 'completed'
), charged AS (
	INSERT INTO charges (request, n, account, amount, currency)
	SELECT r.id, v.n, r.source, v.fee, r.currency
	FROM verdict v, r
	WHERE v.outcome = 'completed' AND v.fee IS DISTINCT FROM 0
), marked AS (
	UPDATE transfers t
	SET state = v.outcome,
		reason = CASE WHEN v.outcome = 'failed' THEN v.reason END,
		finished_at = clock_timestamp(),
		session_dropped = false
	FROM verdict v
	WHERE t.ctid = v.transfer_at AND v.outcome <> 'online'
), recorded AS (
	INSERT INTO changes (kind, source, destination, request, numbers)
	SELECT
		'transferred',
		r.source,
		r.destination,
		r.id,
		CASE count(*)
			WHEN max(v.n) - min(v.n) + 1 THEN int4multirange(int4range(min(v.n)::int, max(v.n)::int + 1))
			ELSE (SELECT range_agg(int4range(n::int, n::int + 1)) FROM verdict WHERE outcome = 'completed')
		END
	FROM verdict v, r
	WHERE v.outcome = 'completed'
	GROUP BY r.source, r.destination, r.id
), unclaimed AS (
	DELETE FROM open_transfers o
	USING verdict v
	WHERE o.sim = v.sim AND o.request = $1 /*request*/ AND o.n = v.n AND v.outcome <> 'online'
	RETURNING o.sim
), handed_off AS (
	INSERT INTO work (kind, request, items, n, gateway, queue, not_before)
	SELECT
		'drop_sessions',
		r.id,
		array_agg(v.n ORDER BY v.n),
		count(*),
		v.gateway,
		CASE r.queue WHEN 'interactive' THEN 'gateway_interactive' ELSE 'gateway' END,
		CASE
			WHEN r.queue = 'bulk' AND (SELECT q.n_left FROM requests q WHERE q.id = r.id) > $3 /*hi*/::int - $2 /*lo*/::int THEN clock_timestamp() + interval '250 milliseconds'
			ELSE clock_timestamp()
		END
	FROM verdict v, r
	WHERE v.outcome = 'online'
	GROUP BY r.id, r.queue, v.gateway
)
SELECT
	count(*) FILTER (WHERE outcome = 'completed') AS completed,
	count(*) FILTER (WHERE outcome = 'failed') AS failed,
	count(*) FILTER (WHERE outcome = 'declined') AS declined,
	count(*) FILTER (WHERE outcome = 'online') AS handed_off,
	-count(*) FILTER (WHERE outcome <> 'online') AS eligible,
	-count(*) FILTER (WHERE outcome <> 'online' AND method = 'support_assisted') AS support,
	-count(*) FILTER (WHERE outcome <> 'online' AND quoted IS NULL) AS unquoted,
	-coalesce(sum(quoted) FILTER (WHERE outcome <> 'online'), 0) AS quoted,
	coalesce(sum(fee) FILTER (WHERE outcome = 'completed'), 0) AS charged,
	(SELECT count(*) FROM moved) AS moved,
	(SELECT count(*) FROM unclaimed) AS unclaimed
FROM verdict;
