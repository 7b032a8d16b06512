package storage

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"

	"github.com/jmoiron/sqlx"

	"simtransfer/transfer"
)

// Finding is the result of checking one invariant.
type Finding struct {
	Number     int      `json:"number"` // of the group of invariants that this one belongs to
	Invariant  string   `json:"invariant"`
	Violations int      `json:"violations"`
	Examples   []string `json:"examples,omitempty"` // the first violations, up to MaxExamples
}

// MaxExamples is the maximum number of violations that a Finding describes.
const MaxExamples = 5

// invariant is a promise of the service. Its statement returns a line of text
// for each violation.
type invariant struct {
	number    int
	text      string
	statement *statement
}

func newInvariant(number int, name, text, query string) invariant {
	return invariant{number, text, newStatement(statement{
		name:    "check_" + name,
		does:    "Looks for violations of an invariant: " + text + ".",
		returns: "A line of text for each violation.",
		text:    query,
	})}
}

// transfersOfChange joins the transfers t that a row c of changes stands for. OFFSET
// 0 keeps an index scan for each range of numbers, even if the statistics say that
// no change has numbers: the planner would otherwise compare all changes with all
// transfers. Joins to other tables that follow need it for the same reason.
const transfersOfChange = `
CROSS JOIN LATERAL unnest(c.numbers) AS span
CROSS JOIN LATERAL (
	SELECT n, sim
	FROM transfers
	WHERE request = c.request AND n >= lower(span) AND n < upper(span)
	OFFSET 0
) t`

// accountingInvariants are those without which sessions are not recorded. They belong
// to both checks.
func accountingInvariants() []invariant {
	return []invariant{
		newInvariant(6, "session_trigger", "the triggers on radius.radacct are enabled, and their owner has the rights that it needs", `
			SELECT format('radius.radacct has no enabled trigger %s: run ALTER TABLE radius.radacct ENABLE TRIGGER %s', name, name)
			FROM unnest(ARRAY['session_start', 'session_news']) AS name
			WHERE NOT EXISTS (
				SELECT
				FROM pg_trigger
				WHERE tgrelid = 'radius.radacct'::regclass AND tgname = name AND tgenabled IN ('O', 'A'))
			UNION ALL
			SELECT format('the owner of the trigger lacks a right: run GRANT %s ON %s TO %s', n.privilege, n.object, p.proowner::regrole)
			FROM pg_proc p
			CROSS JOIN (VALUES
				('SELECT', 'radius.radacct'), ('UPDATE', 'radius.radacct'),
				('SELECT', 'public.sims'), ('UPDATE', 'public.sims'),
				('SELECT', 'public.identifiers'), ('SELECT', 'public.registrations'), ('INSERT', 'public.work')
			) AS n (privilege, object)
			WHERE p.oid = 'radius.before_session'::regproc AND NOT has_table_privilege(p.proowner, n.object, n.privilege)`),
		newInvariant(6, "accounting_users", "database users that write accounting have the rights that they need, and wait for locks", `
			WITH writers AS (
				SELECT DISTINCT a.grantee AS id, a.grantee::regrole AS name
				FROM pg_class c
				CROSS JOIN aclexplode(c.relacl) a
				WHERE c.oid = 'radius.radacct'::regclass
				  AND a.privilege_type IN ('INSERT', 'UPDATE')
				  AND a.grantee NOT IN (0, c.relowner)
			)
			SELECT format('%s lacks a right: run GRANT USAGE ON SCHEMA radius TO %s', name, name)
			FROM writers
			WHERE NOT has_schema_privilege(id, 'radius', 'USAGE')
			UNION ALL
			SELECT format('%s lacks a right: run GRANT %s ON radius.radacct TO %s', name, privilege, name)
			FROM writers
			CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) AS privilege
			WHERE NOT has_table_privilege(id, 'radius.radacct', privilege)
			UNION ALL
			SELECT format('%s does not wait for the transfer of a SIM: run ALTER ROLE %s RESET %s', name, name, split_part(setting, '=', 1))
			FROM writers
			JOIN pg_db_role_setting s ON s.setrole = writers.id
			CROSS JOIN unnest(s.setconfig) AS setting
			WHERE setting ~ '^(lock_timeout|statement_timeout)=' AND split_part(setting, '=', 2) !~ '^0'`),
	}
}

// invariants lists the promises of the service, except for accountingInvariants.
// Related ones have the same number.
func invariants() []invariant {
	return []invariant{
		newInvariant(1, "sim_owners", "every SIM has one owner at every instant, the latest of its timeline", `
			SELECT format('SIM %s (id %s) belongs to account %s since %s, but its timeline says to account %s since %s', s.iccid, s.id, s.account, s.since, g.account, g.since)
			FROM sims s
			LEFT JOIN LATERAL (SELECT account, since FROM registrations WHERE sim = s.id ORDER BY since DESC LIMIT 1) g ON true
			WHERE (s.account, s.since) IS DISTINCT FROM (g.account, g.since)`),
		newInvariant(1, "owner_corrections", "an owner after the first one comes from a transfer or a correction, and a correction has its timeline row", `
			SELECT format('account %s has SIM %s since %s without a transfer or a correction', g.account, g.sim, g.since)
			FROM registrations g
			WHERE g.request IS NULL
			  AND EXISTS (SELECT 1 FROM registrations earlier WHERE earlier.sim = g.sim AND earlier.since < g.since)
			  AND NOT EXISTS (SELECT 1 FROM owner_corrections c WHERE c.sim = g.sim AND c.since = g.since)
			UNION ALL
			SELECT format('the correction of the owner of SIM %s at %s has no timeline row of its own', c.sim, c.since)
			FROM owner_corrections c
			LEFT JOIN registrations g ON g.sim = c.sim AND g.since = c.since AND g.request IS NULL
			WHERE g.sim IS NULL`),
		newInvariant(1, "sim_identifiers", "every SIM has its ICCID and an IMSI; one that was retired as a wrong import is terminated, has none and was never transferred", `
			SELECT format('SIM %s (id %s) has %s IMSIs, and its ICCID names SIM %s', s.iccid, s.id, n.imsis, coalesce(i.sim::text, 'none'))
			FROM sims s
			LEFT JOIN (SELECT sim, count(*) AS imsis FROM identifiers WHERE kind = 'imsi' GROUP BY sim) n ON n.sim = s.id
			LEFT JOIN identifiers i ON i.identifier = s.iccid
			LEFT JOIN retired_sims q ON q.sim = s.id
			WHERE q.sim IS NULL AND (n.imsis IS NULL OR i.sim IS DISTINCT FROM s.id OR i.kind <> 'iccid')
			UNION ALL
			SELECT format('retired SIM %s (id %s) is %s', s.iccid, s.id, s.status)
			FROM retired_sims q
			LEFT JOIN sims s ON s.id = q.sim
			WHERE s.status IS DISTINCT FROM 'terminated'
			   OR EXISTS (SELECT 1 FROM identifiers i WHERE i.sim = q.sim)
			   OR EXISTS (SELECT 1 FROM registrations g WHERE g.sim = q.sim AND g.request IS NOT NULL)
			   OR EXISTS (SELECT 1 FROM open_transfers o WHERE o.sim = q.sim)`),
		newInvariant(2, "completed_timeline", "a completed transfer has one timeline row, with the destination", `
			SELECT format('transfer %s/%s has no timeline row with the destination', t.request, t.n)
			FROM transfers t
			JOIN requests r ON r.id = t.request
			LEFT JOIN registrations g ON g.request = t.request AND g.n = t.n AND g.sim = t.sim AND g.account = r.destination
			WHERE t.state = 'completed' AND g.sim IS NULL
			UNION ALL
			SELECT format('request %s has %s timeline rows for %s transfers', request, count(*), count(DISTINCT n))
			FROM registrations
			WHERE request IS NOT NULL
			GROUP BY request
			HAVING count(*) > count(DISTINCT n)`),
		newInvariant(2, "completed_snapshots", "the snapshots of a completed transfer match the policy of its method and the landing profile", `
			SELECT format('transfer %s/%s (%s) has the snapshots %s and %s', t.request, t.n, t.method, g.before, g.after)
			FROM transfers t
			JOIN requests r ON r.id = t.request
			JOIN registrations g ON g.request = t.request AND g.n = t.n AND g.sim = t.sim
			WHERE t.state = 'completed'
			  AND (g.before IS NOT DISTINCT FROM NULL OR g.after IS DISTINCT FROM `+indent(3, expectedSettingsSQL())+`)`),
		newInvariant(2, "landed_plans", "a transferred SIM arrived on a plan that its account could hold then, as far as the audit trail says which plans these were", `
			WITH lists AS MATERIALIZED (
				SELECT account, plans, coalesce(lag(until) OVER (PARTITION BY account ORDER BY until), '-infinity') AS since, until
				FROM (
					SELECT account, at AS until, before->'plans' AS plans
					FROM audit
					WHERE action LIKE 'account.%' AND (before ? 'plans' OR after ? 'plans')
					UNION ALL
					SELECT id, 'infinity', to_jsonb(nullif(plans, '{}'))
					FROM accounts
				) held
			)
			SELECT format('transfer %s/%s landed SIM %s on the plan %s, which account %s could not hold', g.request, g.n, g.sim, (g.after).plan, g.account)
			FROM registrations g
			WHERE g.request IS NOT NULL
			  AND (g.after).plan IS NOT NULL
			  AND g.since >= (SELECT coalesce(min(at), '-infinity') FROM audit) -- older entries were deleted
			  AND g.account IN (SELECT account FROM lists WHERE plans IS NOT NULL)
			  AND NOT EXISTS (
				SELECT 1
				FROM lists l
				WHERE l.account = g.account
				  AND l.since <= g.since
				  AND l.until > g.since - interval '1 minute' -- a change may have been recorded shortly before it was committed
				  AND (l.plans IS NULL OR l.plans ? (g.after).plan)
			)`),
		newInvariant(2, "completed_charges", "a completed transfer was charged once, to the source, with its fee; not at all if it is free", `
			SELECT format('transfer %s/%s has the fee %s in the minor unit of %s, but %s in that of %s was charged to account %s', t.request, t.n,
				`+effectiveFee+`, src.currency, c.amount, c.currency, c.account)
			FROM transfers t
			JOIN requests r ON r.id = t.request
			JOIN accounts src ON src.id = r.source
			LEFT JOIN charges c ON c.request = t.request AND c.n = t.n
			WHERE t.state = 'completed'
			  AND (coalesce(c.amount, 0), coalesce(c.account, r.source), coalesce(c.currency, src.currency)) IS DISTINCT FROM
			      (`+effectiveFee+`, r.source, src.currency)`),
		newInvariant(2, "quoted_fees", "the fee of a support-assisted transfer is that of an entry that was in force for its source when it was quoted", `
			SELECT format('transfer %s/%s was quoted %s in the minor unit of %s, which is that of none of the entries %s that its request names',
				q.request, q.n, q.fee, q.currency, q.fee_entries)
			FROM (
				SELECT t.request, r.source, a.currency, r.fee_entries, t.fee, min(t.n) AS n
				FROM transfers t
				JOIN requests r ON r.id = t.request
				JOIN accounts a ON a.id = r.source
				WHERE t.method = 'support_assisted' AND t.fee IS NOT NULL AND r.fee_entries <> '{}' -- older requests name none
				GROUP BY t.request, r.source, a.currency, r.fee_entries, t.fee
			) q
			WHERE NOT EXISTS (
				SELECT 1
				FROM fee_entries e
				WHERE e.id = ANY (q.fee_entries)
				  AND (e.amount, e.currency) = (q.fee, q.currency)
				  AND coalesce(e.account, q.source) = q.source
			)
			UNION ALL
			SELECT format('request %s was made at %s and quoted from the entry %s of %s, which the entry %s had replaced', r.id, r.created_at, e.id, e.valid_from, newer.id)
			FROM requests r
			CROSS JOIN LATERAL unnest(r.fee_entries) AS entry
			JOIN fee_entries e ON e.id = entry
			JOIN fee_entries newer ON newer.account IS NOT DISTINCT FROM e.account AND (newer.method, newer.currency) = (e.method, e.currency)
			WHERE newer.valid_from > e.valid_from
			  AND newer.valid_from < r.created_at - interval '1 minute' -- it may have been committed shortly after it became valid
			UNION ALL
			SELECT format('request %s was made at %s and quoted from the fee schedule, although account %s had the price %s', r.id, r.created_at, r.source, price.id)
			FROM requests r
			CROSS JOIN LATERAL unnest(r.fee_entries) AS entry
			JOIN fee_entries e ON e.id = entry AND e.account IS NULL
			JOIN LATERAL (
				SELECT p.id, p.amount
				FROM account_fees p
				WHERE p.account = r.source AND p.method = e.method AND p.valid_from < r.created_at - interval '1 minute'
				ORDER BY p.valid_from DESC
				LIMIT 1
			) price ON price.amount IS NOT NULL
			WHERE NOT EXISTS (
				SELECT 1
				FROM account_fees later
				WHERE later.account = r.source AND later.method = e.method AND later.amount IS NULL AND later.valid_from >= r.created_at - interval '1 minute'
			)`),
		newInvariant(3, "uncompleted_transfers", "a transfer that is not completed has no timeline row, no charge and no snapshots", `
			SELECT format('a timeline row of SIM %s names transfer %s/%s, which %s', g.sim, g.request, g.n, coalesce('is ' || t.state, 'does not exist'))
			FROM registrations g
			LEFT JOIN transfers t ON t.request = g.request AND t.n = g.n
			WHERE g.request IS NOT NULL AND t.state IS DISTINCT FROM 'completed'
			UNION ALL
			SELECT format('a charge names transfer %s/%s, which %s', c.request, c.n, coalesce('is ' || t.state, 'does not exist'))
			FROM charges c
			LEFT JOIN transfers t ON t.request = c.request AND t.n = c.n
			WHERE t.state IS DISTINCT FROM 'completed'`),
		newInvariant(4, "open_transfers", "a transfer is open if and only if it holds the claim on its SIM, and its request is not finished", `
			SELECT format('transfer %s/%s is %s, has a claim on SIM %s, request finished: %s',
				coalesce(t.request, o.request), coalesce(t.n, o.n), t.state, o.sim, r.finished_at IS NOT NULL)
			FROM (SELECT request, n, sim, state FROM transfers WHERE state = 'eligible') t
			FULL JOIN open_transfers o ON o.request = t.request AND o.n = t.n AND o.sim = t.sim
			LEFT JOIN requests r ON r.id = coalesce(t.request, o.request)
			WHERE t.request IS NULL OR o.sim IS NULL OR r.id IS NULL OR r.finished_at IS NOT NULL`),
		newInvariant(5, "request_counters", "a request's counters and sums match its transfers and the number of those that were purged", `
			SELECT format('the counters of request %s (%s) do not match its transfers', r.id, r.state)
			FROM requests r
			LEFT JOIN (
				SELECT
					request,
					count(*) AS size,
					count(*) FILTER (WHERE state = 'eligible') AS eligible,
					count(*) FILTER (WHERE state = 'eligible' AND method = 'support_assisted') AS support,
					count(*) FILTER (WHERE state = 'completed') AS completed,
					count(*) FILTER (WHERE state = 'ineligible') AS ineligible,
					count(*) FILTER (WHERE state = 'failed') AS failed,
					count(*) FILTER (WHERE state = 'canceled') AS canceled,
					count(*) FILTER (WHERE state = 'declined') AS declined,
					count(*) FILTER (WHERE state = 'denied') AS denied,
					count(*) FILTER (WHERE state = 'expired') AS expired,
					count(*) FILTER (WHERE sim IS NULL AND state <> 'pending') AS unknown,
					count(*) FILTER (WHERE state = 'eligible' AND fee IS NULL) AS unquoted,
					coalesce(bool_or(method = 'self_service'), false) AS any_self_service,
					coalesce(bool_or(method = 'support_assisted'), false) AS any_support_assisted,
					coalesce(sum(fee) FILTER (WHERE state = 'eligible'), 0) AS quoted
				FROM transfers
				GROUP BY request
			) t ON t.request = r.id
			LEFT JOIN (SELECT request, sum(amount) AS charged FROM charges GROUP BY request) c ON c.request = r.id
			WHERE (r.size, r.n_eligible, r.n_support, r.n_completed, r.n_failed, r.n_declined, r.n_denied, r.n_expired,
				r.n_unquoted, r.quoted, r.charged, r.n_unknown, r.any_self_service, r.any_support_assisted)
			  IS DISTINCT FROM (coalesce(t.size, 0) + r.n_purged, coalesce(t.eligible, 0), coalesce(t.support, 0), coalesce(t.completed, 0), coalesce(t.failed, 0),
				coalesce(t.declined, 0), coalesce(t.denied, 0), coalesce(t.expired, 0),
				coalesce(t.unquoted, 0), coalesce(t.quoted, 0), coalesce(c.charged, 0), coalesce(t.unknown, 0),
				coalesce(t.any_self_service, false), coalesce(t.any_support_assisted, false))
			  -- transfers that were purged were ineligible or canceled
			   OR r.n_ineligible + r.n_canceled <> coalesce(t.ineligible + t.canceled, 0) + r.n_purged
			   OR r.n_ineligible < coalesce(t.ineligible, 0)
			   OR r.n_canceled < coalesce(t.canceled, 0)`),
		newInvariant(5, "request_work", "a request's number of transfers left is the sum of its work", `
			SELECT format('request %s (%s) has %s transfers left, but work for %s', r.id, r.state, r.n_left, coalesce(w.n, 0))
			FROM requests r
			LEFT JOIN (SELECT request, sum(n) AS n FROM work WHERE request IS NOT NULL GROUP BY request) w ON w.request = r.id
			WHERE r.n_left <> coalesce(w.n, 0)
			UNION ALL
			SELECT format('work %s names request %s, which does not exist', w.id, w.request)
			FROM work w
			LEFT JOIN requests r ON r.id = w.request
			WHERE w.request IS NOT NULL AND r.id IS NULL`),
		newInvariant(5, "unfinished_requests", "an unfinished request has work, waits for a decision and expires, or is scheduled", `
			SELECT format('request %s is %s with %s transfers left and expires at %s', id, state, n_left, expires_at)
			FROM requests
			WHERE finished_at IS NULL
			  AND n_left = 0
			  AND (state NOT IN ('in_review', 'awaiting_acceptance') OR expires_at IS NULL)
			  AND state <> 'scheduled'`),
		newInvariant(5, "scheduled_requests", "a scheduled request has no work and the claims of all its eligible transfers", `
			SELECT format('request %s is scheduled from %s to %s with %s eligible transfers, but has %s claims and %s work rows',
				r.id, r.not_before, r.expires_at, r.n_eligible, o.n, w.n)
			FROM requests r
			CROSS JOIN LATERAL (
				SELECT count(*) AS n
				FROM transfers t
				JOIN open_transfers o ON o.sim = t.sim AND o.request = t.request AND o.n = t.n
				WHERE t.request = r.id
			) o
			CROSS JOIN LATERAL (SELECT count(*) AS n FROM work WHERE request = r.id) w
			WHERE r.state = 'scheduled'
			  AND (r.n_eligible <> o.n OR w.n > 0 OR r.n_left > 0 OR r.not_before IS NULL)`),
		newInvariant(5, "extended_requests", "the time to accept a request ends at most 30 days after it began", `
			SELECT format('the time to accept request %s began at %s and ends at %s', id, coalesce(waiting_since, offered_at), expires_at)
			FROM requests
			WHERE state = 'awaiting_acceptance'
			  AND expires_at > coalesce(waiting_since, offered_at) + make_interval(secs => `+strconv.Itoa(int(transfer.MaxAcceptance.Seconds()))+`)`),
		newInvariant(5, "reminders", "each reminder of a request was recorded once", `
			SELECT format('request %s has %s reminders that %s %% of the time of %s are over', request, count(*), detail->>'percent', detail->>'waiting_for')
			FROM events
			WHERE kind = 'remind'
			GROUP BY request, detail->>'percent', detail->>'waiting_for'
			HAVING count(*) > 1`),
		newInvariant(5, "on_behalf", "an acceptance by support names a reason and a ticket, and the request has both", `
			SELECT format('event %s of request %s is an acceptance by the %s with %s, and the request has the reason %s and the ticket %s', e.seq, e.request, e.party, e.detail, r.on_behalf_reason, r.on_behalf_ticket)
			FROM events e
			JOIN requests r ON r.id = e.request
			WHERE e.kind = 'accept'
			  AND ((e.party = 'support') <> (e.detail ? 'on_behalf') OR (e.detail->>'reason', e.detail->>'ticket') IS DISTINCT FROM (r.on_behalf_reason, r.on_behalf_ticket))
			UNION ALL
			SELECT format('request %s was accepted on behalf of its destination without an event', r.id)
			FROM requests r
			WHERE r.on_behalf_reason IS NOT NULL
			  AND NOT EXISTS (SELECT 1 FROM events e WHERE e.request = r.id AND e.kind = 'accept' AND e.party = 'support')`),
		newInvariant(5, "taken_back", "the end of a request is taken back by the party that ended it, in time, to the state that it had", `
			SELECT format('event %s of request %s takes back event %s by %s at %s, but is by %s at %s, to %s', e.seq, e.request, ended.seq, ended.party, ended.at, e.party, e.at, e.to_state)
			FROM events e
			LEFT JOIN LATERAL (
				SELECT seq, party, at, from_state, to_state
				FROM events earlier
				WHERE earlier.request = e.request AND earlier.seq < e.seq AND earlier.kind IN ('cancel', 'decline', 'deny') AND earlier.to_state IS NOT NULL
				ORDER BY seq DESC
				LIMIT 1
			) ended ON true
			WHERE e.kind = 'take_back'
			  AND ((ended.party, ended.from_state, ended.to_state) IS DISTINCT FROM (e.party, e.to_state, e.from_state)
			    OR e.at > ended.at + make_interval(secs => `+strconv.Itoa(int(transfer.TakeBackPeriod.Seconds()))+`) + interval '1 minute')`),
		newInvariant(5, "execution_windows", "a request that was accepted for later is executed after its window has begun, and starts before the window ends", `
			SELECT format('transfer %s/%s was executed at %s, before the window of its request from %s to %s', t.request, t.n, g.since, r.not_before, r.not_after)
			FROM requests r
			JOIN transfers t ON t.request = r.id AND t.state = 'completed'
			JOIN registrations g ON g.sim = t.sim AND g.request = t.request AND g.n = t.n
			WHERE g.since < r.not_before
			UNION ALL
			SELECT format('request %s started at %s, outside of its window from %s to %s', r.id, e.at, r.not_before, r.not_after)
			FROM requests r
			JOIN events e ON e.request = r.id AND e.kind = 'start'
			WHERE e.at < r.not_before
			   OR e.at > r.not_after + interval '1 minute'`),
		newInvariant(5, "request_events", "a request's events are numbered without gaps, and the last state in them is the request's", `
			SELECT format('request %s (%s) has %s events up to number %s, and the last state in them is %s', r.id, r.state, count(e.seq), r.last_event,
				(array_agg(e.to_state ORDER BY e.seq DESC) FILTER (WHERE e.to_state IS NOT NULL))[1])
			FROM requests r
			LEFT JOIN events e ON e.request = r.id
			GROUP BY r.id
			HAVING count(e.seq) <> r.last_event
			    OR max(e.seq) <> r.last_event
			    OR (array_agg(e.to_state ORDER BY e.seq DESC) FILTER (WHERE e.to_state IS NOT NULL))[1] <> r.state`),
		newInvariant(6, "outlived_sessions", "every open session that started before its SIM's last transfer has work to disconnect it", `
			SELECT format('session %s of SIM %s has no work', a.radacctid, a.sim)
			FROM radius.radacct a
			JOIN sims s ON s.id = a.sim
			JOIN registrations g ON g.sim = s.id AND g.since = s.since
			LEFT JOIN registrations admitted ON admitted.sim = s.id AND admitted.since = radius.class_since(a.class)
			WHERE a.acctstoptime IS NULL
			  AND g.request IS NOT NULL
			  AND coalesce(admitted.since, a.acctstarttime) < s.since
			  AND NOT EXISTS (SELECT 1 FROM work w WHERE w.kind = 'drop_stray' AND a.radacctid = ANY(w.items))
			  AND NOT EXISTS (SELECT 1 FROM open_transfers o JOIN requests r ON r.id = o.request WHERE o.sim = a.sim AND r.state = 'transferring')`),
		newInvariant(6, "session_starts", "every open session was linked to its SIM, if an error kept the trigger from doing so", `
			SELECT format('session %s at gateway %s is not linked: %s', radacctid, host(nasipaddress), start_error)
			FROM radius.radacct
			WHERE sim IS NULL AND acctstoptime IS NULL AND start_error IS NOT NULL`),
		newInvariant(7, "overdue_work", "no work is overdue by more than 15 seconds", `
			SELECT format('work %s (%s, queue %s): due since %s, dispatched at %s, checked at %s', id, kind, queue, not_before, dispatched_at, checked_at)
			FROM work
			WHERE dead_at IS NULL
			  AND (lease_until IS NULL OR lease_until < clock_timestamp())
			  AND not_before < clock_timestamp() - interval '15 s'
			  AND (dispatched_at IS NULL OR checked_at < clock_timestamp() - interval '15 s')`),
		newInvariant(7, "overdue_requests", "no scheduled request waits for more than a minute after its window has begun or ended", `
			SELECT format('request %s is scheduled from %s to %s: no scheduler is running', id, not_before, expires_at)
			FROM requests
			WHERE state = 'scheduled'
			  AND (not_before < clock_timestamp() - interval '1 minute' OR expires_at < clock_timestamp() - interval '1 minute')`),
		newInvariant(7, "withheld_events", "no transaction has withheld events from the feed for more than 15 seconds", `
			SELECT format('%s of user %s in database %s (%s) withholds events, since %s',
				coalesce('prepared transaction ' || gid, 'process ' || pid), usename, database, application, since)
			FROM (`+indent(3, runningSQL)+`
			) running
			WHERE writes
			  AND database IS NOT NULL
			  AND (
				SELECT e.at
				FROM events e
				WHERE e.tx >= running.tx::text::xid8
				ORDER BY e.tx, e.id
				LIMIT 1
			  ) < clock_timestamp() - interval '15 s'`),
		newInvariant(7, "dead_work", "no work is dead", `
			SELECT format('work %s (%s, queue %s) is dead since %s: %s', id, kind, queue, dead_at, error)
			FROM work
			WHERE dead_at IS NOT NULL`),
		newInvariant(8, "changes_of_owners", "every change of a SIM's owner is in the changes feed once, and nothing else is", `
			SELECT format('transfer %s/%s to account %s is %s times in the timeline and %s times in the changes feed',
				request, n, account, count(*) FILTER (WHERE registered), count(*) FILTER (WHERE NOT registered))
			FROM (
				SELECT request, n, account, true AS registered
				FROM registrations
				WHERE request IS NOT NULL
				UNION ALL
				SELECT c.request, n, c.destination, false
				FROM changes c
				CROSS JOIN LATERAL unnest(c.numbers) AS span
				CROSS JOIN LATERAL generate_series(lower(span), upper(span) - 1) AS n
				WHERE c.kind = 'transferred'
			) owned
			GROUP BY request, n, account
			HAVING count(*) FILTER (WHERE registered) <> count(*) FILTER (WHERE NOT registered)
			UNION ALL
			SELECT format('the owner of SIM %s was corrected %s times, and %s times in the changes feed', coalesce(g.sim, c.sim), coalesce(g.n, 0), coalesce(c.n, 0))
			FROM (
				SELECT sim, count(*) - 1 AS n -- the first registration is no correction
				FROM registrations
				WHERE request IS NULL
				GROUP BY sim
				HAVING count(*) > 1
			) g
			FULL JOIN (
				SELECT sim, count(*) AS n
				FROM changes
				CROSS JOIN LATERAL unnest(sims) AS sim
				WHERE kind = 'owner_corrected'
				GROUP BY sim
			) c ON c.sim = g.sim
			WHERE g.n IS DISTINCT FROM c.n`),
		newInvariant(8, "changes_created", "every SIM was created in the changes feed once", `
			SELECT format('SIM %s (%s) was created %s times in the changes feed', coalesce(s.id, c.sim), coalesce(s.iccid, 'which does not exist'), coalesce(c.n, 0))
			FROM sims s
			FULL JOIN (
				SELECT sim, count(*) AS n
				FROM changes
				CROSS JOIN LATERAL unnest(sims) AS sim
				WHERE kind = 'created'
				GROUP BY sim
			) c ON c.sim = s.id
			WHERE s.id IS NULL OR c.n IS DISTINCT FROM 1`),
		newInvariant(8, "changes_latest", "the last status and plan of a SIM in the changes feed are those of the SIM", `
			SELECT format('SIM %s (id %s) has the %s %s, but %s in the changes feed', s.iccid, s.id, c.field, c.value, c.told)
			FROM (
				SELECT DISTINCT ON (sim, field) sim, field, told
				FROM (
					SELECT sim, 'status' AS field, seq, id, after->>'status' AS told
					FROM changes
					CROSS JOIN LATERAL unnest(sims) AS sim
					WHERE kind = 'status_changed'
					UNION ALL
					SELECT sim, 'plan', seq, id, after->>'plan'
					FROM changes
					CROSS JOIN LATERAL unnest(sims) AS sim
					WHERE kind = 'plan_changed'
					UNION ALL
					SELECT g.sim, 'plan', c.seq, c.id, (g.after).plan
					FROM changes c
					CROSS JOIN LATERAL (
						SELECT id
						FROM requests
						WHERE id = c.request AND landing ?| ARRAY['plan', 'plans', 'default_plan']
						OFFSET 0
					) r`+indent(5, transfersOfChange)+`
					CROSS JOIN LATERAL (
						SELECT sim, before, after
						FROM registrations
						WHERE sim = t.sim AND request = c.request AND n = t.n
						OFFSET 0
					) g
					WHERE (g.before).plan <> (g.after).plan
				) told
				ORDER BY sim, field, seq DESC NULLS FIRST, id DESC
			) latest
			JOIN sims s ON s.id = latest.sim
			CROSS JOIN LATERAL (
				SELECT field, CASE field WHEN 'status' THEN s.status ELSE s.plan END AS value, told
			) c
			WHERE c.value IS DISTINCT FROM c.told`),
		newInvariant(8, "changes_values", "each change of a SIM's status or plan begins with the value that the change before it, or its creation, ended with", `
			SELECT format('change %s (%s) of SIM %s begins with the %s %s, but the one before it ends with %s', id, kind, sim, field, began, was)
			FROM (
				SELECT c.id, c.kind, sim, f.field, c.before->>f.field AS began,
					lag(c.after->>f.field) OVER (PARTITION BY sim, f.field ORDER BY c.seq NULLS LAST, c.id) AS was
				FROM changes c
				CROSS JOIN LATERAL unnest(c.sims) AS sim
				CROSS JOIN unnest(ARRAY['status', 'plan']) AS f (field)
				WHERE c.kind IN ('created', 'status_changed', 'plan_changed') AND c.after ? f.field
			) chain
			WHERE began <> was`),
		newInvariant(8, "changes_corrected", "terminated is final and nothing returns to ready: only a correction changes a SIM so, as far as the audit trail was kept", `
			SELECT format('SIM %s left terminated or became ready %s times, but was corrected so %s times', c.sim, c.n, coalesce(a.n, 0))
			FROM (
				SELECT s.sim, count(*) AS n
				FROM changes c
				CROSS JOIN LATERAL unnest(c.sims) AS s (sim)
				WHERE c.kind = 'status_changed'
				  AND (c.before->>'status' = 'terminated' OR c.after->>'status' = 'ready')
				  AND c.at > (SELECT coalesce(min(at), '-infinity') + interval '1 minute' FROM audit) -- older entries were deleted
				GROUP BY s.sim
			) c
			LEFT JOIN (
				SELECT sim, count(*) AS n
				FROM audit
				WHERE action = 'sim.correct' AND (before->>'status' = 'terminated' OR after->>'status' = 'ready')
				GROUP BY sim
			) a ON a.sim = c.sim
			WHERE c.n > coalesce(a.n, 0)`),
		newInvariant(8, "changes_swaps", "every swap of a SIM is in the changes feed once", `
			SELECT format('the swap of SIM %s for %s happened %s times, and is %s times in the changes feed', old_sim, new_sim, coalesce(w.n, 0), coalesce(c.n, 0))
			FROM (SELECT old_sim, new_sim, count(*) AS n FROM swaps GROUP BY old_sim, new_sim) w
			FULL JOIN (
				SELECT sims[1] AS old_sim, sims[2] AS new_sim, count(*) AS n
				FROM changes
				WHERE kind = 'swapped'
				GROUP BY sims[1], sims[2]
			) c USING (old_sim, new_sim)
			WHERE w.n IS DISTINCT FROM c.n`),
		newInvariant(8, "swapped_cards", "a new card takes over from one of the same account, which stays terminated unless it is corrected", `
			SELECT format('SIM %s of account %s took over from SIM %s of account %s at %s', w.new_sim, n.account, w.old_sim, o.account, w.at)
			FROM swaps w
			LEFT JOIN LATERAL (SELECT account FROM registrations WHERE sim = w.old_sim AND since <= w.at ORDER BY since DESC LIMIT 1) o ON true
			LEFT JOIN LATERAL (SELECT account FROM registrations WHERE sim = w.new_sim AND since <= w.at ORDER BY since DESC LIMIT 1) n ON true
			WHERE o.account IS NULL OR n.account IS DISTINCT FROM o.account
			UNION ALL
			SELECT format('SIM %s (id %s) was replaced at %s and is %s', s.iccid, s.id, w.at, s.status)
			FROM (SELECT old_sim, max(at) AS at FROM swaps GROUP BY old_sim) w
			JOIN sims s ON s.id = w.old_sim
			WHERE s.status <> 'terminated'
			  AND w.at > (SELECT coalesce(min(at), '-infinity') + interval '1 minute' FROM audit) -- older entries were deleted
			  AND NOT EXISTS (SELECT 1 FROM audit a WHERE a.sim = w.old_sim AND a.action = 'sim.correct' AND a.at > w.at)`),
		newInvariant(8, "audit_guard", "the audit trail is append-only: the triggers that guard it are enabled", `
			SELECT format('audit has no enabled trigger %s: run ALTER TABLE audit ENABLE TRIGGER %s', name, name)
			FROM unnest(ARRAY['audit_guard', 'audit_guard_truncate']) AS name
			WHERE NOT EXISTS (
				SELECT
				FROM pg_trigger
				WHERE tgrelid = 'audit'::regclass AND tgname = name AND tgenabled IN ('O', 'A'))`),
		newInvariant(8, "changes_follow", "each change of a SIM begins with the owner that the change before it ended with", `
			SELECT format('change %s (%s) of SIM %s begins with account %s, but the change before it ends with account %s', id, kind, sim, owner, was)
			FROM (
				SELECT sim, id, kind, owner, lag(destination) OVER (PARTITION BY sim ORDER BY seq NULLS LAST, id) AS was
				FROM (
					SELECT sim, id, seq, kind, coalesce(source, destination) AS owner, destination
					FROM changes
					CROSS JOIN LATERAL unnest(sims) AS sim
					WHERE sims IS NOT NULL
					UNION ALL
					SELECT t.sim, c.id, c.seq, c.kind, c.source, c.destination
					FROM changes c`+indent(5, transfersOfChange)+`
				) entries
			) chain
			WHERE owner <> was`),
		newInvariant(8, "changes_identifiers", "the last identifiers of a SIM in the changes feed are those of the SIM", `
			SELECT format('SIM %s has the identifiers %s, but %s in the changes feed', sim, identifiers, after)
			FROM (
				SELECT DISTINCT ON (sim) sim, kind, after
				FROM changes
				CROSS JOIN LATERAL unnest(sims) AS sim
				WHERE kind IN ('identifiers_changed', 'retired', 'swapped') -- a swap has no identifiers
				ORDER BY sim, seq DESC NULLS FIRST, id DESC
			) latest
			CROSS JOIN LATERAL `+indent(3, simIdentifiersSQL("latest.sim"))+` AS held (identifiers)
			WHERE kind <> 'swapped' AND identifiers IS DISTINCT FROM after`),
		newInvariant(8, "changes_numbered", "the changes feed is numbered without gaps, and no change waits for its number for more than 10 minutes", `
			SELECT format('%s changes have numbers from %s to %s', n, lo, hi)
			FROM (SELECT count(seq) AS n, min(seq) AS lo, max(seq) AS hi FROM changes) numbers
			WHERE n > 0 AND (lo <> 1 OR hi <> n)
			UNION ALL
			SELECT format('change %s of %s has no number: no scheduler is running, and no client reads the feed', id, at)
			FROM changes
			WHERE seq IS NULL AND at < clock_timestamp() - interval '10 minutes'`),
		newInvariant(9, "pulled_requests", "an approved pull request has its request from that owner to the asker, with the SIMs that the owner was asked for, made while it was open", `
			SELECT format('pull request %s asks account %s, which has approved %s SIMs, and request %s sends %s SIMs from account %s to account %s at %s',
				o.pull, o.owner, cardinality(o.sims), o.request, r.size, r.source, r.destination, r.created_at)
			FROM pull_owners o
			JOIN pulls p ON p.id = o.pull
			LEFT JOIN requests r ON r.id = o.request
			WHERE o.decision = 'approved'
			  AND ((r.source, r.destination, r.size) IS DISTINCT FROM (o.owner, p.asker, cardinality(o.sims))
			    OR o.decided_at > least(p.expires_at, p.canceled_at) + interval '1 minute')
			UNION ALL
			SELECT format('transfer %s/%s is of SIM %s, for which pull request %s does not ask', t.request, t.n, t.sim, o.pull)
			FROM pull_owners o
			JOIN transfers t ON t.request = o.request
			WHERE t.sim IS NOT NULL AND t.sim <> ALL (o.sims)
			UNION ALL
			SELECT format('pull request %s asks account %s for its own SIMs', o.pull, o.owner)
			FROM pull_owners o
			JOIN pulls p ON p.id = o.pull
			WHERE o.owner = p.asker`),
		newInvariant(9, "redeemed_codes", "a redeemed transfer code has its request from its source, with its SIMs, and was redeemed in time", `
			SELECT format('transfer code %s of account %s with %s SIMs was redeemed at %s, and request %s sends %s SIMs from account %s',
				c.id, c.source, c.size, c.redeemed_at, c.request, r.size, r.source)
			FROM transfer_codes c
			LEFT JOIN requests r ON r.id = c.request
			WHERE c.redeemed_at IS NOT NULL
			  AND ((r.source, r.size) IS DISTINCT FROM (c.source, c.size) OR c.redeemed_at > c.expires_at + interval '1 minute')
			UNION ALL
			SELECT format('transfer %s/%s is of SIM %s, which transfer code %s does not have', t.request, t.n, t.identifier, c.id)
			FROM transfer_codes c
			JOIN transfers t ON t.request = c.request
			WHERE t.identifier <> ALL (c.identifiers)			UNION ALL
			SELECT format('request %s comes of both a pull request and a transfer code', c.request)
			FROM transfer_codes c
			JOIN pull_owners o ON o.request = c.request`),
		newInvariant(10, "webhook_lanes", "a pending delivery to a webhook endpoint has work, the endpoint is enabled, and the work of webhooks has its endpoint", `
			SELECT format('webhook endpoint %s, %s, has %s pending deliveries and %s rows of work', e.id, CASE WHEN e.disabled_at IS NULL THEN 'enabled' ELSE 'disabled' END, d.n, w.n)
			FROM (SELECT endpoint, count(*) AS n FROM webhook_deliveries WHERE state = 'pending' GROUP BY endpoint) d
			JOIN webhook_endpoints e ON e.id = d.endpoint
			CROSS JOIN LATERAL (SELECT count(*) AS n FROM work WHERE kind = 'deliver_webhooks' AND items[1] = e.lane) w
			WHERE w.n <> 1 OR e.disabled_at IS NOT NULL
			UNION ALL
			SELECT format('work %s is of a webhook endpoint that does not exist', w.id)
			FROM work w
			LEFT JOIN webhook_endpoints e ON e.lane = w.items[1]
			WHERE w.kind = 'deliver_webhooks' AND e.id IS NULL`),
		newInvariant(10, "mail_work", "a pending mail has work", `
			SELECT format('mail %s is pending, and there is no work of sending mails', m.id)
			FROM mails m
			WHERE m.state = 'pending' AND NOT EXISTS (SELECT 1 FROM work WHERE kind = 'deliver_mails')`),
		newInvariant(10, "messages", "a webhook or a mail about an event goes to an account that sees the event, or to staff", `
			SELECT format('%s %s goes to account %s and is about event %s, which %s', m.what, m.id, m.account, m.event,
				CASE WHEN e.id IS NULL THEN 'does not exist' ELSE 'the account does not see' END)
			FROM (
				SELECT 'message' AS what, id, account, event FROM messages
				UNION ALL
				SELECT 'mail', id, account, event FROM mails
			) m
			LEFT JOIN events e ON e.id = substring(m.event FROM '^[0-9]+-([0-9]+)$')::bigint AND e.tx::text = split_part(m.event, '-', 1)
			WHERE m.event ~ '^[0-9]+-[0-9]+$' -- others are about changes, keys, sign-ins, contacts and webhooks
			  AND (e.id IS NULL OR m.account NOT IN (coalesce(e.source, 0), coalesce(e.destination, 0)))`),
		newInvariant(10, "decision_codes", "the codes with which SIMs of a request were declined, denied or canceled are those of the request", `
			SELECT format('transfer %s/%s was %s with the code %s, but its request has %s', t.request, t.n, t.state, t.code, coalesce(r.codes::text, 'none'))
			FROM transfers t
			JOIN requests r ON r.id = t.request
			WHERE t.code IS NOT NULL AND NOT t.code = ANY (coalesce(r.codes, '{}'))`),
		newInvariant(10, "unique_references", "a reference that was to be unique is that of a request of its account", `
			SELECT format('account %s has no request with the reference %s', u.account, u.reference)
			FROM unique_references u
			WHERE NOT EXISTS (SELECT 1 FROM requests r WHERE r.reference = u.reference AND r.source = u.account)`),
		newInvariant(10, "references_in_use", "a request that asked for a unique reference does not share it with a request that was in use before", `
			WITH RECURSIVE used AS (
				SELECT r.id, r.source, r.reference, r.unique_reference, r.created_at
				FROM requests r
				WHERE (r.source, r.reference) IN (SELECT source, reference FROM requests WHERE unique_reference)
				  AND r.state NOT IN ('rejected', 'canceled', 'declined', 'denied', 'expired')
				  AND NOT (r.state = 'completed' AND r.n_completed = 0)
			), lineage AS ( -- with what it retries
				SELECT u.id, u.id AS ancestor, r.retry_of, r.batch
				FROM used u
				JOIN requests r ON r.id = u.id
				UNION ALL
				SELECT l.id, r.id, r.retry_of, r.batch
				FROM lineage l
				JOIN requests r ON r.id = l.retry_of
			)
			SELECT format('request %s asked for the unique reference %s, which request %s of account %s has, too', later.id, later.reference, earlier.id, later.source)
			FROM used later
			JOIN used earlier ON earlier.source = later.source AND earlier.reference = later.reference AND earlier.id < later.id
			WHERE later.unique_reference
			  -- A request that did not ask may have been created at the same time, which can take long for a batch.
			  AND (earlier.unique_reference OR earlier.created_at < later.created_at - interval '1 hour')
			  AND NOT EXISTS (
				SELECT 1
				FROM lineage a
				JOIN lineage b ON b.ancestor = a.ancestor OR b.batch = a.batch
				WHERE a.id = earlier.id AND b.id = later.id
			)`),
		newInvariant(10, "comment_readers", "a comment is an event for the parties that see it, and for no other side", `
			SELECT format('comment %s of request %s is for %s, but its event is for the source: %s, for the destination: %s',
				e.seq, e.request, e.detail->>'visible_to', e.source IS NOT NULL, e.destination IS NOT NULL)
			FROM events e
			WHERE e.kind = 'comment'
			  AND ((e.source IS NOT NULL) <> (e.detail->'visible_to' ? 'source')
			    OR e.destination IS NOT NULL AND NOT e.detail->'visible_to' ? 'destination')`),
	}
}

// checkWorkMem is the memory that PostgreSQL may use for each sort of the check,
// and twice as much for each hash table. With its default of 4 MB it would write
// gigabytes of temporary files.
const checkWorkMem = "128MB"

// expectedSettingsSQL is what a transfer makes of its snapshot before.
func expectedSettingsSQL() string {
	return snapshotRow(func(s transfer.Setting) string { return arrivingSQL(s, "t.method", "(g.before)."+s.Name) })
}

// Check verifies the invariants in one consistent snapshot of a live database.
// It changes nothing.
func (db *DB) Check(ctx context.Context) ([]Finding, error) {
	tx, err := db.pool.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("beginning the check: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, `SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '`+checkWorkMem+`'`); err != nil {
		return nil, fmt.Errorf("beginning the check: %w", err)
	}
	list := append(invariants(), accountingInvariants()...)
	slices.SortStableFunc(list, func(a, b invariant) int { return a.number - b.number })
	var findings []Finding
	for _, i := range list {
		f, err := i.check(ctx, tx)
		if err != nil {
			return nil, fmt.Errorf("checking that %s: %w", i.text, err)
		}
		findings = append(findings, f)
	}
	return findings, nil
}

// check counts the violations without keeping them, because there may be many.
func (i invariant) check(ctx context.Context, tx *sqlx.Tx) (Finding, error) {
	f := Finding{Number: i.number, Invariant: i.text}
	rows, err := tx.QueryContext(ctx, i.statement.query())
	if err != nil {
		return f, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return f, err
		}
		f.Violations++
		if len(f.Examples) < MaxExamples {
			f.Examples = append(f.Examples, line)
		}
	}
	return f, rows.Err()
}
