package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"simtransfer/client"
	"simtransfer/command"
	"simtransfer/command/commandtest"
	"simtransfer/dev/servers"
	"simtransfer/dev/stack"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/tasks"
	"simtransfer/transfer"
)

func TestMain(m *testing.M) { commandtest.Main(m, command.Run) }

// The fault suite: the service as it runs in production, real processes on a
// PostgreSQL and a Redis with durable settings, hurt at chosen points. The
// points are known from locks in the database and from what passes through a
// relay, never from the time that has passed.

// promise is how long work may rest after Redis has forgotten it or its worker
// was killed.
const promise = 15 * time.Second

// patience is how long a test waits for what has to happen at some time. A test
// that passes never waits for it.
const patience = time.Minute

// simsOf is how many SIMs a test that scales takes: few, or as many as the
// variable SIMTRANSFER_TEST_SIMS says, which makes the other tests longer, too.
func simsOf(few int) (sims int, long bool) {
	if n, err := strconv.Atoi(os.Getenv("SIMTRANSFER_TEST_SIMS")); err == nil && n > 0 {
		return n, true
	}
	return few, false
}

// rig is a whole service of a test's own, with an account that sends SIMs and
// one that receives them.
type rig struct {
	*storagetest.DB // whose connections wait longer than those of a process
	t               *testing.T
	stack           *stack.Stack
	redis           *redis.Client
	inspector       *asynq.Inspector
	enqueuer        *asynq.Client
	from, to        storage.Account
	source, dest    *client.Client
	support         *client.Client
}

type rigOptions struct {
	program string            // empty: this very binary
	env     []string          // of every process
	redis   map[string]string // settings
}

func newRig(t *testing.T, o rigOptions) *rig {
	t.Helper()
	stack, err := stack.Start(t.Context(), stack.Options{
		Servers: servers.Options{
			Durable:          true,
			PostgresSettings: map[string]string{"shared_buffers": "64MB"},
			RedisSettings:    o.redis,
		},
		Program: o.program,
		Env:     append([]string{commandtest.Env, "SIMTRANSFER_RATE_LIMIT=0"}, o.env...),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, stack: stack}
	t.Cleanup(func() {
		for _, p := range stack.Processes() {
			_ = p.Signal(syscall.SIGCONT)
		}
		if t.Failed() {
			r.showLogs()
		}
		stack.DB.Pool().SetMaxIdleConns(0) // some may be to a server that is gone, which Stop would report
		if err := stack.Stop(); err != nil {
			t.Error(err)
		}
	})
	patient := stack.DatabaseURL("simtransfer") + "&lock_timeout=60000&idle_in_transaction_session_timeout=60000"
	db, err := storage.Open(t.Context(), patient, storage.Options{MaxConns: 16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	r.DB = (&storagetest.DB{DB: db}).For(t)
	options, err := redis.ParseURL(stack.RedisURL(0))
	if err != nil {
		t.Fatal(err)
	}
	r.redis = redis.NewClient(options)
	t.Cleanup(func() { _ = r.redis.Close() })
	r.inspector = asynq.NewInspectorFromRedisClient(r.redis)
	r.enqueuer = asynq.NewClientFromRedisClient(r.redis)
	r.from, r.to = r.Account(), r.Account()
	r.Fee("EUR", fee)
	r.source = r.client(storage.NewKey{Role: storage.RoleAccount, OperatorID: r.from.OperatorID, Name: "source"})
	r.dest = r.client(storage.NewKey{Role: storage.RoleAccount, OperatorID: r.to.OperatorID, Name: "destination"})
	r.support = r.client(storage.NewKey{Role: storage.RoleSupport, Name: "support"})
	return r
}

// fee is what a SIM costs that needs support, in cents.
const fee = 500

// step is the rig for a subtest, whose failures are then its own.
func (r *rig) step(name string, do func(r *rig)) {
	r.t.Helper()
	r.t.Run(name, func(t *testing.T) {
		sub := *r
		sub.t, sub.DB = t, r.For(t)
		began := time.Now()
		do(&sub)
		t.Logf("took %.1f s", time.Since(began).Seconds())
	})
}

// showLogs writes what the processes had to say for themselves.
func (r *rig) showLogs() {
	seen := map[string]bool{}
	for _, p := range r.stack.Processes() {
		seen[p.Log()] = true
		text, err := os.ReadFile(p.Log())
		if err != nil {
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		r.t.Logf("the log of the %s ends:\n%s", p.Name, strings.Join(lines[max(0, len(lines)-25):], "\n"))
	}
}

func (r *rig) client(k storage.NewKey) *client.Client {
	r.t.Helper()
	_, token, err := r.stack.DB.CreateKey(r.t.Context(), k)
	if err != nil {
		r.t.Fatal(err)
	}
	return &client.Client{URL: r.stack.Admin.URL, Key: token}
}

// eventually waits until a condition holds.
func (r *rig) eventually(what string, holds func() bool) {
	r.t.Helper()
	r.within(patience, time.Now(), what, holds)
}

// within waits until a condition holds, and fails if it takes longer than it
// may since an instant.
func (r *rig) within(limit time.Duration, since time.Time, what string, holds func() bool) {
	r.t.Helper()
	for !holds() {
		if time.Since(since) > limit {
			r.t.Fatalf("%s: not within %s\n%s", what, limit, r.pending())
		}
		time.Sleep(5 * time.Millisecond)
	}
	if took := time.Since(since); took > 500*time.Millisecond {
		r.t.Logf("%s: after %.1f s", what, took.Seconds())
	}
}

// pending describes what there is to do, for a test that waits without success.
func (r *rig) pending() string {
	var lines []string
	if err := r.Pool().SelectContext(r.t.Context(), &lines, `
		SELECT format('request %s is %s, %s left, %s completed', id, state, n_left, n_completed) FROM requests WHERE finished_at IS NULL
		UNION ALL
		SELECT format('work %s (%s): n %s, queue %s, due in %s, dispatched %s ago (%s), looked at %s ago, suspect %s, lease ends in %s, attempts %s, errors %s, crashes %s, dead %s: %s',
			id, kind, n, queue, not_before - clock_timestamp(), clock_timestamp() - dispatched_at, gen, clock_timestamp() - checked_at, suspect, lease_until - clock_timestamp(),
			attempts, errors, crashes, dead_at IS NOT NULL, error)
		FROM work
		LIMIT 40`); err != nil {
		return err.Error()
	}
	for _, queue := range transfer.Queues() {
		if info, err := r.inspector.GetQueueInfo(string(queue)); err == nil {
			lines = append(lines, fmt.Sprintf("queue %s: %d pending, %d active, %d retry, %d archived, paused %t", queue, info.Pending, info.Active, info.Retry, info.Archived, info.Paused))
		}
	}
	return strings.Join(lines, "\n")
}

// scan reads one value in a test that cannot rely on its connections: it waits
// until there is an answer.
func scan[T any](r *rig, query string, args ...any) (v T) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		err := r.Pool().GetContext(r.t.Context(), &v, query, args...)
		if err == nil {
			return v
		}
		if !storage.IsTransient(err) || time.Now().After(deadline) {
			r.t.Fatalf("%s: %v", strings.TrimSpace(query), err)
		}
	}
}

// start starts another process.
func (r *rig) start(name string, env ...string) *stack.Process {
	r.t.Helper()
	p, err := r.stack.StartProcess(name, env...)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// kill ends every process of a kind by SIGKILL.
func (r *rig) kill(name string) {
	r.t.Helper()
	for _, p := range r.stack.Processes() {
		if p.Name == name {
			r.killOne(p)
		}
	}
}

func (r *rig) killOne(p *stack.Process) {
	r.t.Helper()
	if err := p.Kill(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) signal(p *stack.Process, s syscall.Signal) {
	r.t.Helper()
	if err := p.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// only is the process of a kind of which there is one.
func (r *rig) only(name string) (found *stack.Process) {
	r.t.Helper()
	for _, p := range r.stack.Processes() {
		if p.Name == name {
			if found != nil {
				r.t.Fatalf("there is more than one %s", name)
			}
			found = p
		}
	}
	if found == nil {
		r.t.Fatalf("there is no %s", name)
	}
	return found
}

// read reads a log.
func (r *rig) read(log string) string {
	r.t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

// program runs the program as a person at a shell does, and returns what it
// prints.
func (r *rig) program(args ...string) string {
	r.t.Helper()
	self, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	c := exec.CommandContext(r.t.Context(), self, args...)
	c.Env = append(os.Environ(), commandtest.Env, "SIMTRANSFER_DATABASE_URL="+r.stack.DatabaseURL("simtransfer"))
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		r.t.Fatalf("simtransfer %s: %v: %s", strings.Join(args, " "), err, said.String())
	}
	return string(out)
}

// redisRelay stands before Redis.
func (r *rig) redisRelay() *relay {
	r.t.Helper()
	u, err := url.Parse(r.stack.RedisURL(0))
	if err != nil {
		r.t.Fatal(err)
	}
	return newRelay(r.t, u.Host)
}

// via is the variable that makes a process reach Redis through a relay.
func (r *rig) via(w *relay) string {
	u, err := url.Parse(r.stack.RedisURL(0))
	if err != nil {
		r.t.Fatal(err)
	}
	u.Host = w.address()
	return "SIMTRANSFER_REDIS_URL=" + u.String()
}

// startBehindRelay starts a process that reaches PostgreSQL through a relay.
func (r *rig) startBehindRelay(name string, env ...string) (*stack.Process, *relay) {
	r.t.Helper()
	u, err := url.Parse(r.stack.DatabaseURL("simtransfer"))
	if err != nil {
		r.t.Fatal(err)
	}
	// Its path has to be short for a socket.
	dir, err := os.MkdirTemp("", "relay-")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	q := u.Query()
	socket := "/.s.PGSQL." + q.Get("port")
	w := relayAt(r.t, "unix", dir+socket, q.Get("host")+socket)
	q.Set("host", dir)
	u.RawQuery = q.Encode()
	return r.start(name, append(env, "SIMTRANSFER_DATABASE_URL="+u.String())...), w
}

// order is a transfer request as its parties see it.
type order struct {
	*rig
	id   uuid.UUID
	sims []storagetest.SIM
}

// body is the body of a call that creates a transfer request for SIMs.
func (r *rig) body(sims []storagetest.SIM) map[string]any {
	names := make([]string, len(sims))
	for i, s := range sims {
		names[i] = s.ICCID
	}
	return map[string]any{
		"destination": map[string]any{"email": r.to.Email, "operator_id": r.to.OperatorID},
		"sims":        names,
	}
}

// ask makes a request over HTTP.
func (r *rig) ask(sims []storagetest.SIM) order {
	r.t.Helper()
	var made struct {
		ID uuid.UUID `json:"id"`
	}
	r.post(r.source, "", r.body(sims), &made)
	return order{r, made.ID, sims}
}

// post calls the API about a request, or to make one, and has to be accepted.
func (r *rig) post(c *client.Client, what string, body, into any) {
	r.t.Helper()
	if err := c.Call(r.t.Context(), http.MethodPost, "/v1/transfer-requests"+what, body, into); err != nil {
		r.t.Fatalf("POST /v1/transfer-requests%s: %v", what, err)
	}
}

// offer makes a request and brings it to where its destination can accept.
func (r *rig) offer(sims []storagetest.SIM) order {
	r.t.Helper()
	o := r.ask(sims)
	o.offered()
	return o
}

// offered waits for the end of validation and approves if that is asked for.
func (o order) offered() {
	o.t.Helper()
	o.await("the end of validation", func(s storage.Request) bool { return s.State != transfer.Validating })
	if o.now().State == transfer.InReview {
		o.decide(o.support, "approve", map[string]any{"ticket": "CASE-1"})
	}
	if s := o.now().State; s != transfer.AwaitingAcceptance {
		o.t.Fatalf("the request is %s", s)
	}
}

func (o order) decide(c *client.Client, what string, body any) {
	o.t.Helper()
	o.post(c, "/"+o.id.String()+"/"+what, body, nil)
}

func (o order) accept() { o.t.Helper(); o.decide(o.dest, "accept", nil) }

// now is the request as it is.
func (o order) now() storage.Request {
	o.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		s, err := o.DB.DB.Request(o.t.Context(), o.id)
		if err == nil {
			return s
		}
		if !storage.IsTransient(err) || time.Now().After(deadline) {
			o.t.Fatal(err)
		}
	}
}

func (o order) await(what string, holds func(storage.Request) bool) {
	o.t.Helper()
	o.eventually(what, func() bool { return holds(o.now()) })
}

func (o order) finished() bool { return o.now().FinishedAt != nil }

// completed waits until the request is finished, and counts: every SIM is the
// destination's, once, for its fee, once.
func (o order) completed() {
	o.t.Helper()
	o.await("the request is finished", func(storage.Request) bool { return o.finished() })
	o.isCompleted()
}

func (o order) isCompleted() {
	o.t.Helper()
	fees := 0
	for _, s := range o.sims {
		if s.Status != transfer.Ready {
			fees++
		}
	}
	type count struct {
		State                                         transfer.RequestState
		Completed, Owned, Registered, Charges, Events int
		Amount                                        int64
	}
	want := count{transfer.RequestCompleted, len(o.sims), len(o.sims), len(o.sims), fees, len(o.sims), int64(fees) * fee}
	got := scan[count](o.rig, `
		SELECT
			r.state,
			r.n_completed AS completed,
			(SELECT count(*) FROM transfers t JOIN sims s ON s.id = t.sim WHERE t.request = r.id AND s.account = r.destination) AS owned,
			(SELECT count(*) FROM registrations g WHERE g.request = r.id) AS registered,
			(SELECT count(*) FROM charges c WHERE c.request = r.id) AS charges,
			(SELECT coalesce(sum((e.detail->>'completed')::int), 0) FROM events e WHERE e.request = r.id AND e.kind IN ('execute', 'drop_sessions')) AS events,
			(SELECT coalesce(sum(c.amount), 0) FROM charges c WHERE c.request = r.id) AS amount
		FROM requests r
		WHERE r.id = $1`, o.id)
	if diff := cmp.Diff(want, got); diff != "" {
		o.t.Errorf("the request in the end (-want +got):\n%s", diff)
	}
}

// verify sees that the promises hold.
func (r *rig) verify() {
	r.t.Helper()
	findings, err := r.DB.DB.Check(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range findings {
		if f.Violations > 0 {
			r.t.Errorf("%d violations of invariant %d, %s:\n\t%s", f.Violations, f.Number, f.Invariant, strings.Join(f.Examples, "\n\t"))
		}
	}
}

// mixed seeds SIMs that move by themselves and others that need support.
func (r *rig) mixed(n int) []storagetest.SIM {
	r.t.Helper()
	sims := r.SIMs(n-n/3, storagetest.SIM{Account: r.from.ID})
	return append(sims, r.SIMs(n/3, storagetest.SIM{Account: r.from.ID, Status: transfer.Active})...)
}

// acceptHolding accepts a request and holds the first SIM of every chunk locked
// until letGo, so that a worker waits in the middle of its transaction, the work
// row locked. It returns when one does.
func (o order) acceptHolding() (letGo func()) {
	o.t.Helper()
	var ids []string
	for i := 0; i < len(o.sims); i += transfer.ChunkSize {
		ids = append(ids, fmt.Sprint(o.sims[i].ID))
	}
	letGo = o.HoldSQL(fmt.Sprintf(`SELECT FROM sims WHERE id IN (%s) ORDER BY id FOR UPDATE`, strings.Join(ids, ", ")))
	o.accept()
	o.awaitBlocked(1)
	return letGo
}

// awaitBlocked waits until n transactions of workers wait for a lock.
func (r *rig) awaitBlocked(n int) {
	r.t.Helper()
	r.eventually("a transaction waits for a lock", func() bool {
		return scan[int](r, `
			SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`) >= n
	})
}

// taskOf is the task of the only work of a request, as it was dispatched last.
func (o order) taskOf() (queue transfer.Queue, id string) {
	o.t.Helper()
	w := scan[storage.WorkInfo](o.rig, `SELECT id, gen, queue FROM work WHERE request = $1`, o.id)
	return w.Queue, tasks.ID(w.ID, w.Gen)
}

// inRedis waits until Redis has the task of the only work of a request.
func (o order) inRedis() (queue transfer.Queue, id string) {
	o.t.Helper()
	o.eventually("Redis has the task", func() bool {
		if scan[int](o.rig, `SELECT count(*) FROM work WHERE request = $1 AND dispatched_at IS NOT NULL`, o.id) == 0 {
			return false
		}
		queue, id = o.taskOf()
		_, err := o.inspector.GetTaskInfo(string(queue), id)
		return err == nil
	})
	return queue, id
}

func (r *rig) pause(queue transfer.Queue) {
	r.t.Helper()
	if err := r.inspector.PauseQueue(string(queue)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) unpause(queue transfer.Queue) {
	r.t.Helper()
	if err := r.inspector.UnpauseQueue(string(queue)); err != nil {
		r.t.Fatal(err)
	}
}

// waiting is how many tasks wait in a queue. (The inspector would not know a
// queue of which Redis has just forgotten everything.)
func (r *rig) waiting(queue transfer.Queue) int64 { return r.length(queue, "pending") }

func (r *rig) length(queue transfer.Queue, list string) int64 {
	r.t.Helper()
	n, err := r.redis.LLen(r.t.Context(), fmt.Sprintf("asynq:{%s}:%s", queue, list)).Result()
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// idle waits until no task waits or runs in a queue.
func (r *rig) idle(queue transfer.Queue) {
	r.t.Helper()
	r.eventually("the queue is empty", func() bool { return r.waiting(queue) == 0 && r.length(queue, "active") == 0 })
}

// replay enqueues a task that Redis has had before, under another id, and waits
// until a worker has carried it out.
func (r *rig) replay(t storage.Task) {
	r.t.Helper()
	task := r.Task(t)
	id := fmt.Sprintf("again-%s", uuid.NewString())
	if _, err := r.enqueuer.EnqueueContext(r.t.Context(), task, asynq.TaskID(id), asynq.Retention(time.Hour)); err != nil {
		r.t.Fatal(err)
	}
	r.eventually("the same task has run again", func() bool {
		info, err := r.inspector.GetTaskInfo(string(t.Queue), id)
		return err == nil && info.State == asynq.TaskStateCompleted
	})
}

// call makes one HTTP request with an Idempotency-Key, as any client does.
func call(ctx context.Context, base, key, idempotency, path string, body any) (status int, replayed bool, answer map[string]any, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, false, nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path, bytes.NewReader(text))
	if err != nil {
		return 0, false, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", idempotency)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, false, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	err = json.NewDecoder(response.Body).Decode(&answer)
	return response.StatusCode, response.Header.Get("Idempotent-Replayed") == "true", answer, err
}
