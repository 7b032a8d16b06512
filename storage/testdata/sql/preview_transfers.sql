-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Decides for SIMs whether they would be eligible, by the rules of package transfer.
-- Given:    @source and @destination: ids of accounts; @self_service_only; @identifiers of the SIMs; @items: which SIMs are listed: all, ineligible or none.
-- Returns:  A row for each SIM that is listed, in the order of the identifiers, and a row for each outcome of the others.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE preview_transfers(self_service_only, source, destination, identifiers, items);
PREPARE preview_transfers AS
WITH r AS MATERIALIZED (
	SELECT
		src.id AS source,
		src.currency,
		$1 /*self_service_only*/::boolean AS self_service_only,
		src.coverage <> dst.coverage AS crosses_coverage,
		dst.plans,
		mapped.landing,
		src.standing = 'open' AND dst.standing = 'open' AS accounts_open
	FROM accounts src
	CROSS JOIN accounts dst
	LEFT JOIN LATERAL (
		SELECT jsonb_strip_nulls(jsonb_build_object(
			'plans', CASE WHEN pair.default_plan IS NULL THEN coalesce(general.plans, '{}') ELSE '{}' END || coalesce(pair.plans, '{}'),
			'default_plan', coalesce(pair.default_plan, general.default_plan))) AS landing
		FROM (SELECT dst.id AS account, src.operator_id AS source) of
		LEFT JOIN plan_mappings pair ON pair.account = of.account AND pair.source = of.source
		LEFT JOIN plan_mappings general ON general.account = of.account AND general.source = ''
		WHERE pair.account IS NOT NULL OR general.account IS NOT NULL
	) mapped ON true
	WHERE src.id = $2 /*source*/ AND dst.id = $3 /*destination*/
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
), named AS (
	SELECT
		u.nth,
		u.identifier,
		i.sim,
		row_number() OVER (PARTITION BY i.sim ORDER BY u.nth) AS mention
	FROM unnest($4 /*identifiers*/::text[]) WITH ORDINALITY AS u (identifier, nth)
	LEFT JOIN identifiers i USING (identifier)
), judged AS (
	SELECT
		named.nth,
		named.identifier,
		s.iccid,
		s.status,
		s.plan,
		coalesce(r.landing ->> 'plan', r.landing -> 'plans' ->> s.plan, r.landing ->> 'default_plan', s.plan) AS lands_on,
		s.account = r.source AS own,
		s.id AS sim,
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
	CROSS JOIN named
	LEFT JOIN sims s ON s.id = named.sim
	-- o stands for the claim that would be made
	LEFT JOIN LATERAL (
		SELECT s.id AS sim
		WHERE named.mention = 1 AND NOT EXISTS (SELECT 1 FROM open_transfers held WHERE held.sim = s.id)
	) o ON true
), outcomes AS (
	SELECT
		CASE WHEN $5 /*items*/::text = 'all' OR $5 /*items*/::text = 'ineligible' AND reason IS NOT NULL THEN nth - 1 END AS listed,
		identifier,
		CASE WHEN own THEN iccid END AS iccid,
		CASE WHEN own THEN status END AS status,
		CASE WHEN own THEN plan END AS plan,
		CASE WHEN reason IS NULL THEN lands_on END AS lands_on,
		CASE WHEN reason IS NULL THEN method END AS method,
		reason,
		reason IS NULL AND EXISTS (SELECT 1 FROM radius.radacct a WHERE a.sim = judged.sim AND a.acctstoptime IS NULL) AS online,
		CASE
			WHEN judged.reason IS NOT NULL THEN NULL
			WHEN judged.method = 'self_service' THEN 0
			ELSE (SELECT amount FROM fee)
		END AS fee,
		CASE WHEN reason IS NULL AND method = 'support_assisted' THEN (SELECT entry FROM fee) END AS fee_entry
	FROM judged
)
SELECT
	coalesce(listed, -1) AS n,
	count(*) AS sims,
	count(*) FILTER (WHERE online) AS sessions,
	coalesce(min(identifier) FILTER (WHERE listed IS NOT NULL), '') AS identifier,
	min(iccid) FILTER (WHERE listed IS NOT NULL) AS iccid,
	min(status) FILTER (WHERE listed IS NOT NULL) AS status,
	plan,
	lands_on,
	method,
	reason,
	fee,
	fee_entry
FROM outcomes
GROUP BY listed, plan, lands_on, method, reason, fee, fee_entry
ORDER BY listed;
