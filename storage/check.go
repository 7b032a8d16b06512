package storage

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"

	"simtransfer/transfer"
)

// Finding is what one invariant's check found.
type Finding struct {
	Number     int      `json:"number"`
	Invariant  string   `json:"invariant"`
	Violations int      `json:"violations"`
	Examples   []string `json:"examples,omitempty"` // some of what violates it
}

// invariant is one promise; its query returns a line of text per violation.
type invariant struct {
	number int
	text   string
	query  string
}

// The promises of the service. Numbers group what belongs together.
func invariants() []invariant {
	return []invariant{
		{1, "every SIM has one owner at every instant, the latest of its timeline", `
			SELECT format('SIM %s (id %s): owner %s since %s, timeline says %s since %s', s.iccid, s.id, s.account, s.since, g.account, g.since)
			FROM sims s
			LEFT JOIN (SELECT DISTINCT ON (sim) sim, account, since FROM registrations ORDER BY sim, since DESC) g ON g.sim = s.id
			WHERE (s.account, s.since) IS DISTINCT FROM (g.account, g.since)`},
		{2, "a completed transfer has one timeline row, at the destination", `
			SELECT format('transfer %s/%s: %s timeline rows', t.request, t.n, count(g.sim))
			FROM transfers t
			JOIN requests r ON r.id = t.request
			LEFT JOIN registrations g ON g.request = t.request AND g.n = t.n AND g.sim = t.sim AND g.account = r.destination
			WHERE t.state = 'completed'
			GROUP BY t.request, t.n
			HAVING count(g.sim) <> 1`},
		{2, "its snapshots match the policy of its method, and the landing profile", `
			SELECT format('transfer %s/%s (%s): snapshots are %s and %s', t.request, t.n, t.method, g.before, g.after)
			FROM transfers t
			JOIN requests r ON r.id = t.request
			JOIN registrations g ON g.request = t.request AND g.n = t.n AND g.sim = t.sim
			WHERE t.state = 'completed'
			  AND (g.before IS NOT DISTINCT FROM NULL OR g.after IS DISTINCT FROM ` + expectedSettingsSQL() + `)`},
		{2, "its fee was charged once, to the source, as quoted, on completion; none when it is free", `
			SELECT format('transfer %s/%s: fee %s, charged %s %s to account %s', t.request, t.n,
				` + effectiveFee + `, c.amount, c.currency, c.account)
			FROM transfers t
			JOIN requests r ON r.id = t.request
			JOIN accounts src ON src.id = r.source
			LEFT JOIN charges c ON c.request = t.request AND c.n = t.n
			WHERE t.state = 'completed'
			  AND (coalesce(c.amount, 0), coalesce(c.account, r.source), coalesce(c.currency, src.currency)) IS DISTINCT FROM
			      (` + effectiveFee + `, r.source, src.currency)`},
		{3, "a transfer that did not complete has no timeline row, no charge, no snapshot", `
			SELECT format('transfer %s/%s is %s', t.request, t.n, t.state)
			FROM transfers t
			LEFT JOIN registrations g ON g.request = t.request AND g.n = t.n
			LEFT JOIN charges c ON c.request = t.request AND c.n = t.n
			WHERE t.state <> 'completed'
			  AND (g.sim IS NOT NULL OR c.request IS NOT NULL)
			UNION ALL
			SELECT format('timeline row of SIM %s names transfer %s/%s, which there is not', g.sim, g.request, g.n)
			FROM registrations g
			LEFT JOIN transfers t ON t.request = g.request AND t.n = g.n
			WHERE g.request IS NOT NULL AND t.request IS NULL
			UNION ALL
			SELECT format('a charge names transfer %s/%s, which there is not', c.request, c.n)
			FROM charges c
			LEFT JOIN transfers t ON t.request = c.request AND t.n = c.n
			WHERE t.request IS NULL`},
		{4, "a transfer is open exactly while it has the claim on its SIM, in a request that is not finished", `
			SELECT format('transfer %s/%s is %s, claim on SIM %s, request finished: %s',
				coalesce(t.request, o.request), coalesce(t.n, o.n), t.state, o.sim, r.finished_at IS NOT NULL)
			FROM (SELECT * FROM transfers WHERE state = 'eligible') t
			FULL JOIN open_transfers o ON o.request = t.request AND o.n = t.n AND o.sim = t.sim
			LEFT JOIN requests r ON r.id = coalesce(t.request, o.request)
			WHERE t.request IS NULL OR o.sim IS NULL OR r.id IS NULL OR r.finished_at IS NOT NULL`},
		{5, "a request's counters are the counts of its transfers, its fees their sums", `
			SELECT format('request %s (%s): counters and transfers differ', r.id, r.state)
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
					count(*) FILTER (WHERE state = 'eligible' AND fee IS NULL) AS unquoted,
					coalesce(sum(fee) FILTER (WHERE state = 'eligible'), 0) AS quoted
				FROM transfers
				GROUP BY request
			) t ON t.request = r.id
			LEFT JOIN (SELECT request, sum(amount) AS charged FROM charges GROUP BY request) c ON c.request = r.id
			WHERE (r.size, r.n_eligible, r.n_support, r.n_completed, r.n_ineligible, r.n_failed, r.n_canceled, r.n_declined, r.n_denied, r.n_expired,
				r.n_unquoted, r.quoted, r.charged)
			  IS DISTINCT FROM (t.size, t.eligible, t.support, t.completed, t.ineligible, t.failed, t.canceled, t.declined, t.denied, t.expired,
				t.unquoted, t.quoted, coalesce(c.charged, 0))`},
		{5, "what is left of a request is the sum of its work", `
			SELECT format('request %s (%s): %s left, work for %s', r.id, r.state, r.n_left, coalesce(w.n, 0))
			FROM requests r
			LEFT JOIN (SELECT request, sum(n) AS n FROM work WHERE request IS NOT NULL GROUP BY request) w ON w.request = r.id
			WHERE r.n_left <> coalesce(w.n, 0)
			UNION ALL
			SELECT format('work %s names request %s, which there is not', w.id, w.request)
			FROM work w
			LEFT JOIN requests r ON r.id = w.request
			WHERE w.request IS NOT NULL AND r.id IS NULL`},
		{5, "an unfinished request has work, or waits for a person and has an expiry", `
			SELECT format('request %s is %s with %s left and expires at %s', id, state, n_left, expires_at)
			FROM requests
			WHERE finished_at IS NULL
			  AND n_left = 0
			  AND (state NOT IN ('in_review', 'awaiting_acceptance') OR expires_at IS NULL)`},
		{5, "a request's events are numbered without gaps, and the last names its state", `
			SELECT format('request %s (%s): %s events up to number %s, last state %s', r.id, r.state, count(e.seq), r.last_event,
				(array_agg(e.to_state ORDER BY e.seq DESC) FILTER (WHERE e.to_state IS NOT NULL))[1])
			FROM requests r
			LEFT JOIN events e ON e.request = r.id
			GROUP BY r.id
			HAVING count(e.seq) <> r.last_event
			    OR max(e.seq) <> r.last_event
			    OR (array_agg(e.to_state ORDER BY e.seq DESC) FILTER (WHERE e.to_state IS NOT NULL))[1] <> r.state`},
		{6, "every open session older than its SIM's hand-over has work that will drop it", `
			SELECT format('session %s of SIM %s', a.radacctid, a.sim)
			FROM radius.radacct a
			JOIN sims s ON s.id = a.sim
			JOIN registrations g ON g.sim = s.id AND g.since = s.since
			WHERE a.acctstoptime IS NULL
			  AND g.request IS NOT NULL
			  AND a.acctstarttime < s.since
			  AND NOT EXISTS (SELECT 1 FROM work w WHERE w.kind = 'drop_stray' AND a.radacctid = ANY(w.items))
			  AND NOT EXISTS (SELECT 1 FROM open_transfers o JOIN requests r ON r.id = o.request WHERE o.sim = a.sim AND r.state = 'transferring')`},
		{7, "no work is overdue by more than 15 s", `
			SELECT format('work %s (%s, queue %s): due since %s, dispatched %s, looked at %s', id, kind, queue, not_before, dispatched_at, checked_at)
			FROM work
			WHERE dead_at IS NULL
			  AND (lease_until IS NULL OR lease_until < clock_timestamp())
			  AND not_before < clock_timestamp() - interval '15 s'
			  AND (dispatched_at IS NULL OR checked_at < clock_timestamp() - interval '15 s')`},
		{7, "no work is dead", `
			SELECT format('work %s (%s, queue %s) is dead since %s: %s', id, kind, queue, dead_at, error)
			FROM work
			WHERE dead_at IS NOT NULL`},
	}
}

// expectedSettingsSQL is what is to become of a transfer's snapshot before.
func expectedSettingsSQL() string {
	return settingsRow(func(s transfer.Setting) string { return arrivingSQL(s, "t.method", "(g.before)."+s.Name) })
}

// examples is how many violations of an invariant are named.
const examples = 5

// Check verifies the invariants on one consistent snapshot of a live database.
// It changes nothing.
func (db *DB) Check(ctx context.Context) ([]Finding, error) {
	tx, err := db.pool.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("beginning the check: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, `SET LOCAL statement_timeout = 0`); err != nil {
		return nil, fmt.Errorf("beginning the check: %w", err)
	}
	var findings []Finding
	for _, i := range invariants() {
		f, err := checkOne(ctx, tx, i)
		if err != nil {
			return nil, fmt.Errorf("checking that %s: %w", i.text, err)
		}
		findings = append(findings, f)
	}
	return findings, nil
}

func checkOne(ctx context.Context, tx *sqlx.Tx, i invariant) (Finding, error) {
	f := Finding{Number: i.number, Invariant: i.text}
	rows, err := tx.QueryContext(ctx, strings.TrimSpace(i.query))
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
		if len(f.Examples) < examples {
			f.Examples = append(f.Examples, line)
		}
	}
	return f, rows.Err()
}
