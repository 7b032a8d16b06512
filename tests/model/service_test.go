package model_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"simtransfer/dev/servers/serverstest"
	"simtransfer/storage"
	"simtransfer/tasks"
	"simtransfer/transfer"
	"simtransfer/worker"
)

// testService is the service under test: a database, a worker, gateways, and a queue
// in which the test loses, repeats and reorders tasks.
type testService struct {
	db       *storage.DB
	gateways *modelGateways
	engine   *redisWorker
	settings string // SQL for the settings of a SIM from an array s of texts
	dump     *sqlx.Stmt
	requests []uuid.UUID      // by number, from 1
	pulls    []uuid.UUID      // by number, from 1
	codes    []transfer.Code  // by number, from 1
	work     map[int64]string // the key of each work row at the last look

	overRedis bool // tasks are delivered through Redis

	mu    sync.Mutex
	queue []storage.Task
}

func newTestService(t *testing.T) *testService {
	t.Helper()
	url := serverstest.DatabaseURL(t)
	// A wait for a lock may be long on a busy machine. A deadlock is still found
	// after a second, and fails the test.
	db, err := storage.Open(t.Context(), url+separator(url)+"lock_timeout=20000", storage.Options{MaxConns: 12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	dump, err := db.Pool().PreparexContext(t.Context(), dumpSQL())
	if err != nil {
		t.Fatal(err)
	}
	var settings string
	if err := db.Pool().GetContext(t.Context(), &settings, `
		SELECT string_agg(format('s[%s]::%s', attnum, atttypid::regtype), ', ' ORDER BY attnum)
		FROM pg_attribute
		WHERE attrelid = 'sim_settings'::regclass`); err != nil {
		t.Fatal(err)
	}
	g := &modelGateways{db: db}
	return &testService{db: db, gateways: g, engine: newRedisWorker(t, newWorker(db, g)), dump: dump, settings: settings}
}

func separator(url string) string {
	switch {
	case !strings.Contains(url, "://"):
		return " "
	case strings.Contains(url, "?"):
		return "&"
	}
	return "?"
}

// reset fills the database with the state of a model.
func (w *testService) reset(ctx context.Context, m *model) error {
	w.requests, w.pulls, w.codes, w.queue, w.work = nil, nil, nil, nil, nil
	w.gateways.set(m.gateways, m.troubled)
	var operators, currencies, coverages []string
	for i, a := range m.accounts {
		operators = append(operators, string(operatorID(i+1)))
		currencies = append(currencies, string(a.currency))
		coverages = append(coverages, a.coverage)
	}
	var owners []int64
	var statuses, iccids, names, kinds, settings []string
	var locks []bool
	var named []int64
	for i, s := range m.sims {
		owners = append(owners, int64(s.account))
		statuses, locks = append(statuses, string(s.status)), append(locks, s.locked)
		iccids = append(iccids, s.identifiers[0])
		settings = append(settings, s.settings...)
		for j, kind := range []string{"iccid", "imsi", "msisdn"} {
			names, kinds, named = append(names, s.identifiers[j]), append(kinds, kind), append(named, int64(i+1))
		}
	}
	tx, err := w.db.Pool().BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, s := range []struct {
		query string
		args  []any
	}{
		{`TRUNCATE accounts, plans, plan_prices, plan_mappings, sims, identifiers, registrations, fees, batches, requests, transfers, open_transfers,
			chosen, withdrawn, charges, work, events, changes, radius.nas, radius.radacct RESTART IDENTITY CASCADE`, nil},
		{
			`INSERT INTO accounts (operator_id, email, currency, coverage)
			SELECT operator, 'sims@' || lower(operator) || '.example', currency, coverage
			FROM unnest($1::text[], $2::text[], $3::text[]) AS u (operator, currency, coverage)`,
			[]any{pq.Array(operators), pq.Array(currencies), pq.Array(coverages)},
		},
		{`INSERT INTO plans (name, coverage_bound) VALUES ('basic', false), ('roaming', false), ('domestic', true)`, nil},
		{
			`INSERT INTO sims (account, since, status, transfer_lock, iccid, ` + strings.Join(settingNames(), ", ") + `)
			SELECT account, now() - interval '1 minute', status, locked, iccid,
				` + w.settings + `
			FROM unnest($1::bigint[], $2::text[], $3::boolean[], $4::text[]) WITH ORDINALITY AS u (account, status, locked, iccid, nth)
			CROSS JOIN LATERAL (SELECT ($5::text[])[nth * $6 - $6 + 1 : nth * $6]) AS v (s)
			ORDER BY nth`,
			[]any{pq.Array(owners), pq.Array(statuses), pq.Array(locks), pq.Array(iccids), pq.Array(settings), len(settingNames())},
		},
		{
			`INSERT INTO identifiers (identifier, sim, kind) SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[])`,
			[]any{pq.Array(names), pq.Array(named), pq.Array(kinds)},
		},
		{`INSERT INTO registrations (sim, since, account) SELECT id, since, account FROM sims`, nil},
		{`INSERT INTO changes (kind, destination, sims) SELECT 'created', account, ARRAY[id] FROM sims ORDER BY id`, nil},
		{
			`INSERT INTO radius.nas (nasname, secret) VALUES ($1, 'secret'), ($2, 'secret')`,
			[]any{gatewayAddress(1), gatewayAddress(2)},
		},
	} {
		if _, err := tx.ExecContext(ctx, s.query, s.args...); err != nil {
			return fmt.Errorf("%w in %s", err, s.query)
		}
	}
	for currency, amount := range m.fees {
		if _, err := tx.ExecContext(ctx, `INSERT INTO fees (method, currency, amount) VALUES ('support_assisted', $1, $2)`, currency, amount); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func operatorID(account int) transfer.OperatorID {
	return transfer.OperatorID(fmt.Sprintf("OP%010d", account))
}

// settingNames returns the columns of which a transfer records a snapshot.
func settingNames() []string {
	var names []string
	for _, s := range transfer.Snapshot() {
		names = append(names, s.Name)
	}
	return names
}

func settingsColumns(prefix string) string {
	var values []string
	for _, name := range settingNames() {
		values = append(values, fmt.Sprintf("coalesce((%s).%s::text, '-')", prefix, name))
	}
	return "concat_ws(' | ', " + strings.Join(values, ", ") + ")"
}

// look describes the whole state of the database as model.dump does, and records
// the key of each work row.
func (w *testService) look(ctx context.Context) ([]string, error) {
	var rows []struct {
		Line string `db:"line"`
		Work *int64 `db:"work"`
	}
	// A request that was to be created and was refused is always the last.
	if n := len(w.requests); n > 0 && w.requests[n-1] == uuid.Nil {
		w.requests = w.requests[:n-1]
	}
	if err := w.dump.SelectContext(ctx, &rows, pq.Array(w.requests)); err != nil {
		return nil, err
	}
	w.work = map[int64]string{}
	lines := make([]string, len(rows))
	for i, r := range rows {
		lines[i] = r.Line
		if r.Work != nil {
			key, _, _ := strings.Cut(strings.TrimPrefix(r.Line, "work "), ": ")
			w.work[*r.Work] = key
		}
	}
	slices.Sort(lines)
	return lines, nil
}

func dumpSQL() string {
	return `
WITH known AS MATERIALIZED (
	SELECT id, nth FROM unnest($1::uuid[]) WITH ORDINALITY AS u (id, nth)
), label AS MATERIALIZED (
	SELECT id, coalesce(nth::text, 'unknown') AS r FROM requests LEFT JOIN known USING (id)
)
SELECT format('account %s: %s, plans %s', id, standing, plans) AS line, NULL::bigint AS work
FROM accounts` + offersSQL + `
UNION ALL
SELECT format('plans from %s to %s: %s', coalesce(src.id, 0), m.account, jsonb_strip_nulls(jsonb_build_object('plans', m.plans, 'default_plan', m.default_plan))), NULL
FROM plan_mappings m LEFT JOIN accounts src ON src.operator_id = m.source
UNION ALL
SELECT format('SIM %s: account %s, %s, locked %s, settings (%s), timeline %s', id, account, status, transfer_lock::text,
	` + settingsColumns("s") + `,
	(SELECT string_agg(g.account || CASE WHEN g.request IS NULL THEN '' ELSE format(' by %s/%s', r, g.n) END, ' → ' ORDER BY since)
		FROM registrations g LEFT JOIN label l ON l.id = g.request WHERE g.sim = s.id)), NULL
FROM sims s
UNION ALL
SELECT format('claim on SIM %s: %s/%s', sim, r, n), NULL
FROM open_transfers o LEFT JOIN label l ON l.id = o.request
UNION ALL
SELECT format('session %s: SIM %s at %s, ended by "%s"', acctsessionid, sim, host(nasipaddress),
	CASE WHEN acctstoptime IS NOT NULL THEN coalesce(acctterminatecause, 'nobody') END), NULL
FROM radius.radacct
UNION ALL
SELECT format('work %s: n %s, queue %s, gateway "%s", gen %s, attempts %s, errors %s, crashes %s, later %s, dispatched %s, leased %s, dead %s, failed %s',
	CASE
		WHEN kind = 'drop_stray' THEN kind || ' ' || (SELECT acctsessionid FROM radius.radacct WHERE radacctid = items[1])
		WHEN items IS NOT NULL THEN format('%s %s %s', kind, r, items)
		ELSE format('%s %s [%s,%s)', kind, r, lo, hi)
	END,
	n, queue, gateway, gen, attempts, errors, crashes, (not_before > clock_timestamp())::text, (dispatched_at IS NOT NULL)::text,
	coalesce(lease_until > clock_timestamp(), false)::text, (dead_at IS NOT NULL)::text, (error IS NOT NULL)::text), w.id
FROM work w LEFT JOIN label l ON l.id = w.request
UNION ALL
SELECT format('request %s: %s, from %s to %s, self-service only %s, size %s, left %s, eligible %s, support %s, completed %s, ineligible %s, failed %s, canceled %s, declined %s, denied %s, expired %s, partial %s, landing %s, expires %s, starts %s, reminded %s, ended by "%s" from "%s", ticket "%s", fee %s, finished %s',
	r, state, source, destination, self_service_only::text, size, n_left, n_eligible, n_support, n_completed, n_ineligible, n_failed,
	n_canceled, n_declined, n_denied, n_expired, partial::text, coalesce(landing::text, '-'),
	CASE WHEN expires_at IS NULL THEN 'never' WHEN expires_at > clock_timestamp() THEN 'later' ELSE 'past' END,
	CASE WHEN not_before IS NULL THEN 'never' WHEN not_before > clock_timestamp() THEN 'later' ELSE 'past' END,
	reminded, ended_by, ended_from,
	ticket, coalesce(fee_override::text, '-'), (finished_at IS NOT NULL)::text), NULL
FROM requests JOIN label USING (id)
UNION ALL
SELECT format('transfer %s/%s: %s, SIM %s, %s, method "%s", reason "%s", fee %s, dropped %s, before %s, after %s', r, n, identifier,
	coalesce(sim::text, '-'), state, method, reason, coalesce(fee::text, '-'), session_dropped::text,
	CASE WHEN before IS DISTINCT FROM NULL THEN '(' || ` + settingsColumns("before") + ` || ')' ELSE '-' END,
	CASE WHEN after IS DISTINCT FROM NULL THEN '(' || ` + settingsColumns("after") + ` || ')' ELSE '-' END), NULL
FROM transfers t
LEFT JOIN label l ON l.id = t.request
LEFT JOIN (SELECT sim, request, n, before, after FROM registrations) g USING (sim, request, n)
UNION ALL
SELECT format('charge %s/%s: %s %s to account %s', r, n, amount, currency, account), NULL
FROM charges c LEFT JOIN label l ON l.id = c.request
UNION ALL
SELECT format('chosen %s/%s', r, n), NULL
FROM chosen c LEFT JOIN label l ON l.id = c.request
UNION ALL
SELECT format('withdrawn %s/%s', r, n), NULL
FROM withdrawn w LEFT JOIN label l ON l.id = w.request
UNION ALL
SELECT format('event %s/%s: %s by %s, "%s" to "%s", %s', r, lpad(seq::text, 2, '0'), kind, party, from_state, to_state,
	(SELECT string_agg(key || '=' || CASE key WHEN 'fee' THEN (value::jsonb ->> 'amount') || ' ' || (value::jsonb ->> 'currency')
		WHEN 'selection' THEN (SELECT string_agg(origin, ',') FROM jsonb_object_keys(value::jsonb) AS origin) ELSE value END, ',' ORDER BY key COLLATE "C")
		FROM jsonb_each_text(detail - '{gateway_answer,expires_at,previously,not_before,not_after}'::text[]))), NULL
FROM events e LEFT JOIN label l ON l.id = e.request`
}

// broken lists the invariants that are violated. Overdue and dead work only counts
// if overdue is set, because the test delays work on purpose.
func (w *testService) broken(ctx context.Context, overdue bool) (string, error) {
	findings, err := w.db.Check(ctx)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, f := range findings {
		if f.Violations > 0 && (overdue || f.Number != 7) {
			fmt.Fprintf(&b, "%d violations of %d (%s): %q\n", f.Violations, f.Number, f.Invariant, f.Examples)
		}
	}
	return b.String(), nil
}

// exec runs plain SQL.
func (w *testService) exec(ctx context.Context, query string, args ...any) error {
	_, err := w.db.Pool().ExecContext(ctx, query, args...)
	return err
}

// enqueue adds tasks to the queue that it does not have.
func (w *testService) enqueue(list ...storage.Task) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range list {
		if !slices.ContainsFunc(w.queue, func(q storage.Task) bool { return q.Work == t.Work && q.Gen == t.Gen }) {
			w.queue = append(w.queue, t)
		}
	}
}

// process passes a task to a worker. It returns "dead" if the work is dead.
func (w *testService) process(ctx context.Context, t storage.Task) (string, error) {
	task, err := tasks.New(t.Kind, t.Queue, tasks.Payload{Work: t.Work, Gen: t.Gen})
	if err != nil {
		return "", err
	}
	if w.overRedis {
		return w.engine.process(ctx, task, t.Queue)
	}
	// A new worker for each task, as if there were many.
	switch err := newWorker(w.db, w.gateways).Handler().ProcessTask(ctx, task); {
	case errors.Is(err, asynq.SkipRetry):
		return "dead", nil
	case err != nil:
		return "", err
	}
	return "", nil
}

func newWorker(db *storage.DB, g worker.Gateways) *worker.Worker {
	return worker.New(db, g, slog.New(slog.DiscardHandler), worker.Config{
		DropAttempts: dropAttempts,
		DropBackoff:  time.Hour,
		Poll:         5 * time.Millisecond,
	})
}

// redisWorker is a Redis with a worker that serves its queues.
type redisWorker struct {
	client    *asynq.Client
	inspector *asynq.Inspector
	enqueued  atomic.Int64
}

func newRedisWorker(t *testing.T, w *worker.Worker) *redisWorker {
	t.Helper()
	redis, err := asynq.ParseRedisURI(serverstest.RedisURL(t))
	if err != nil {
		t.Fatal(err)
	}
	e := &redisWorker{client: asynq.NewClient(redis), inspector: asynq.NewInspector(redis)}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx, redis) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, e.client.Close(), e.inspector.Close()); err != nil {
			t.Error(err)
		}
	})
	return e
}

// process enqueues a task under a unique id and waits until it ends. Redis archives
// tasks of dead work.
func (e *redisWorker) process(ctx context.Context, task *asynq.Task, queue transfer.Queue) (string, error) {
	id := fmt.Sprintf("delivery %d", e.enqueued.Add(1))
	if _, err := e.client.EnqueueContext(ctx, task, asynq.TaskID(id)); err != nil {
		return "", err
	}
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		switch info, err := e.inspector.GetTaskInfo(string(queue), id); {
		case errors.Is(err, asynq.ErrTaskNotFound):
			return "", nil
		case err != nil:
			return "", err
		case info.State == asynq.TaskStateArchived:
			return "dead", nil
		case info.State == asynq.TaskStateRetry:
			return "", errors.New(info.LastErr)
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-ticker.C:
		}
	}
}

// postpone moves a short delay of work far into the future, so that the test does
// not depend on timing.
func (w *testService) postpone(ctx context.Context, work int64) error {
	return w.exec(ctx, `
		UPDATE work SET not_before = clock_timestamp() + interval '1 hour'
		WHERE id = $1 AND error IS NOT NULL AND dispatched_at IS NULL AND lease IS NULL AND dead_at IS NULL`, work)
}

// modelGateways answers as the model's gateways do.
type modelGateways struct {
	db *storage.DB

	mu        sync.Mutex
	behaviors []behavior
	troubled  bool
	pause     func() // before each answer
}

func (g *modelGateways) set(behaviors []behavior, troubled bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.behaviors, g.troubled = behaviors, troubled
}

// wait makes every answer wait until a function returns; nil turns that off.
func (g *modelGateways) wait(pause func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pause = pause
}

// Drop implements worker.Gateways.
func (g *modelGateways) Drop(ctx context.Context, s storage.OpenSession) (worker.Answer, error) {
	g.mu.Lock()
	number := int(s.NASIPAddress[len(s.NASIPAddress)-1] - '0')
	behavior, troubled, pause := g.behaviors[number-1], g.troubled, g.pause
	g.mu.Unlock()
	if pause != nil {
		pause()
	}
	if troubled {
		return worker.Answer{}, errors.New("no socket to ask from")
	}
	switch behavior {
	case acknowledges:
	case stopsFirst:
		_, err := g.db.Pool().ExecContext(ctx, stopSQL, s.AcctSessionID)
		return worker.Answer{Gone: true}, err
	case reconnects:
		_, err := g.db.Pool().ExecContext(ctx, startSQL, s.AcctSessionID+"'", s.Username, s.NASIPAddress, true)
		return worker.Answer{Gone: true}, err
	case refusesOdd:
		if odd(s.AcctSessionID) {
			return worker.Answer{Why: "the gateway refused"}, nil
		}
	case refuses:
		return worker.Answer{Why: "the gateway refused"}, nil
	case isSilent:
		return worker.Answer{Silent: true, Why: "the gateway did not answer"}, nil
	}
	return worker.Answer{Gone: true}, nil
}

const (
	stopSQL = `
		UPDATE radius.radacct
		SET acctstoptime = clock_timestamp(), acctterminatecause = 'User-Request'
		WHERE acctsessionid = $1 AND acctstoptime IS NULL`

	// A session is fresh if its Class names the current registration of its SIM.
	startSQL = `
		INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime, class)
		VALUES ($1, $1, $2, $3, clock_timestamp() - interval '1 hour', CASE WHEN $4 THEN radius.access_class(NULL, $2, NULL, NULL) END)`

	// lockSessionSIM waits for the transfer of the SIM, so that startSQL finds its
	// current registration.
	lockSessionSIM = `SELECT FROM sims WHERE id = radius.session_sim(NULL, $1, NULL, NULL) FOR NO KEY UPDATE`
)
