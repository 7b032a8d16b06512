//go:build unix

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

// The fault tests run the service as in production: real processes with a
// PostgreSQL and a Redis that have durable settings. They break one thing at a
// chosen point. A test knows that the point is reached from locks in the database
// or from the data that passes through a relay, never from elapsed time.

// recoveryLimit is how long work may stand still after Redis has lost its task or
// its worker was killed.
const recoveryLimit = 15 * time.Second

// waitLimit bounds how long a test waits for a condition. It only ends tests that
// fail.
const waitLimit = time.Minute

// testSize returns the number of SIMs for a test that scales: few, or the value
// of the variable SIMTRANSFER_TEST_SIMS. If that is set, long is true, and tests
// include parts that take minutes.
func testSize(few int) (sims int, long bool) {
	if n, err := strconv.Atoi(os.Getenv("SIMTRANSFER_TEST_SIMS")); err == nil && n > 0 {
		return n, true
	}
	return few, false
}

// testService is a whole service with its own servers, an account that is the
// source of requests and one that is their destination.
type testService struct {
	*storagetest.DB     // with longer time limits than the connections of a process
	t                   *testing.T
	stack               *stack.Stack
	redis               *redis.Client
	inspector           *asynq.Inspector
	enqueuer            *asynq.Client
	from, to            storage.Account
	source, destination *client.Client
	support             *client.Client
}

type serviceOptions struct {
	program string            // empty means this test binary
	env     []string          // of every process
	redis   map[string]string // settings
}

func startService(t *testing.T, config serviceOptions) *testService {
	t.Helper()
	stack, err := stack.Start(t.Context(), stack.Options{
		Servers: servers.Options{
			Durable:          true,
			PostgresSettings: map[string]string{"shared_buffers": "64MB"},
			RedisSettings:    config.redis,
		},
		Program: config.program,
		Env:     append([]string{commandtest.Env, "SIMTRANSFER_RATE_LIMIT=0"}, config.env...),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &testService{t: t, stack: stack}
	t.Cleanup(func() {
		for _, p := range stack.Processes() {
			_ = p.Signal(syscall.SIGCONT)
		}
		if t.Failed() {
			s.showLogs()
		}
		stack.DB.Pool().SetMaxIdleConns(0) // Stop would report errors of connections to a server that was restarted
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
	s.DB = (&storagetest.DB{DB: db}).For(t)
	options, err := redis.ParseURL(stack.RedisURL(0))
	if err != nil {
		t.Fatal(err)
	}
	s.redis = redis.NewClient(options)
	t.Cleanup(func() { _ = s.redis.Close() })
	s.inspector = asynq.NewInspectorFromRedisClient(s.redis)
	s.enqueuer = asynq.NewClientFromRedisClient(s.redis)
	s.from, s.to = s.Account(), s.Account()
	s.Fee("EUR", fee)
	s.source = s.client(storage.NewKey{Role: storage.RoleAccount, OperatorID: s.from.OperatorID, Name: "source"})
	s.destination = s.client(storage.NewKey{Role: storage.RoleAccount, OperatorID: s.to.OperatorID, Name: "destination"})
	s.support = s.client(storage.NewKey{Role: storage.RoleSupport, Name: "support"})
	return s
}

// fee is the price in cents of transferring a SIM that needs support.
const fee = 500

// step runs do as a subtest, with a copy of the service that reports failures to it.
func (s *testService) step(name string, do func(s *testService)) {
	s.t.Helper()
	s.t.Run(name, func(t *testing.T) {
		sub := *s
		sub.t, sub.DB = t, s.For(t)
		began := time.Now()
		do(&sub)
		t.Logf("took %.1f s", time.Since(began).Seconds())
	})
}

// showLogs prints the last lines of each process's log.
func (s *testService) showLogs() {
	seen := map[string]bool{}
	for _, p := range s.stack.Processes() {
		seen[p.Log()] = true
		text, err := os.ReadFile(p.Log())
		if err != nil {
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		s.t.Logf("the end of the log of the %s:\n%s", p.Name, strings.Join(lines[max(0, len(lines)-25):], "\n"))
	}
}

func (s *testService) client(k storage.NewKey) *client.Client {
	s.t.Helper()
	_, token, err := s.stack.DB.CreateKey(s.t.Context(), k)
	if err != nil {
		s.t.Fatal(err)
	}
	return &client.Client{URL: s.stack.Admin.URL, Key: token}
}

// Dump reads all tables after the scheduler has numbered all changes, so that a
// later dump does not differ by the numbers. It leaves out how far the scheduler has
// read the events, which it does a moment after they are written.
func (s *testService) Dump() storagetest.Dump {
	s.t.Helper()
	s.eventually("all changes are numbered", func() bool {
		return scan[int](s, `SELECT count(*) FROM changes WHERE seq IS NULL`) == 0
	})
	return s.DB.Dump("outbox")
}

// Unchanged fails the test if the database has changed since Dump.
func (s *testService) Unchanged(was storagetest.Dump) {
	s.t.Helper()
	s.DB.Unchanged(was, "outbox")
}

// eventually waits until a condition holds.
func (s *testService) eventually(what string, holds func() bool) {
	s.t.Helper()
	s.eventuallyWithin(waitLimit, time.Now(), what, holds)
}

// eventuallyWithin waits until a condition holds, and fails the test if that is
// not before limit has passed since an instant.
func (s *testService) eventuallyWithin(limit time.Duration, since time.Time, what string, holds func() bool) {
	s.t.Helper()
	for !holds() {
		if time.Since(since) > limit {
			s.t.Fatalf("%s: not true within %s\n%s", what, limit, s.pending())
		}
		time.Sleep(5 * time.Millisecond)
	}
	if took := time.Since(since); took > 500*time.Millisecond {
		s.t.Logf("%s: after %.1f s", what, took.Seconds())
	}
}

// pending describes the unfinished requests, the work and the queues, for the
// message of a failing test.
func (s *testService) pending() string {
	var lines []string
	if err := s.Pool().SelectContext(s.t.Context(), &lines, `
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
		if info, err := s.inspector.GetQueueInfo(string(queue)); err == nil {
			lines = append(lines, fmt.Sprintf("queue %s: %d pending, %d active, %d retry, %d archived, paused %t", queue, info.Pending, info.Active, info.Retry, info.Archived, info.Paused))
		}
	}
	return strings.Join(lines, "\n")
}

// scan reads one value. It retries while the database is not available.
func scan[T any](s *testService, query string, args ...any) (v T) {
	s.t.Helper()
	for deadline := time.Now().Add(waitLimit); ; time.Sleep(10 * time.Millisecond) {
		err := s.Pool().GetContext(s.t.Context(), &v, query, args...)
		if err == nil {
			return v
		}
		if !storage.IsTransient(err) || time.Now().After(deadline) {
			s.t.Fatalf("%s: %v", strings.TrimSpace(query), err)
		}
	}
}

// start starts another process.
func (s *testService) start(name string, env ...string) *stack.Process {
	s.t.Helper()
	p, err := s.stack.StartProcess(name, env...)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// kill ends every process of a kind by SIGKILL.
func (s *testService) kill(name string) {
	s.t.Helper()
	for _, p := range s.stack.Processes() {
		if p.Name == name {
			s.killOne(p)
		}
	}
}

func (s *testService) killOne(p *stack.Process) {
	s.t.Helper()
	if err := p.Kill(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *testService) signal(p *stack.Process, sig syscall.Signal) {
	s.t.Helper()
	if err := p.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// only returns the only process of a kind.
func (s *testService) only(name string) (found *stack.Process) {
	s.t.Helper()
	for _, p := range s.stack.Processes() {
		if p.Name == name {
			if found != nil {
				s.t.Fatalf("there is more than one %s", name)
			}
			found = p
		}
	}
	if found == nil {
		s.t.Fatalf("there is no %s", name)
	}
	return found
}

// readLog returns the content of a log file.
func (s *testService) readLog(log string) string {
	s.t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// program runs a command of the program, such as work list, and returns its
// standard output.
func (s *testService) program(args ...string) string {
	s.t.Helper()
	self := commandtest.Path(s.t)
	c := exec.CommandContext(s.t.Context(), self, args...)
	c.Env = append(os.Environ(), commandtest.Env, "SIMTRANSFER_DATABASE_URL="+s.stack.DatabaseURL("simtransfer"))
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		s.t.Fatalf("simtransfer %s: %v: %s", strings.Join(args, " "), err, said.String())
	}
	return string(out)
}

// redisRelay starts a relay to Redis.
func (s *testService) redisRelay() *relay {
	s.t.Helper()
	u, err := url.Parse(s.stack.RedisURL(0))
	if err != nil {
		s.t.Fatal(err)
	}
	return newRelay(s.t, u.Host)
}

// via returns the variable that makes a process connect to Redis through a relay.
func (s *testService) via(w *relay) string {
	u, err := url.Parse(s.stack.RedisURL(0))
	if err != nil {
		s.t.Fatal(err)
	}
	u.Host = w.address()
	return "SIMTRANSFER_REDIS_URL=" + u.String()
}

// startBehindRelay starts a process that connects to PostgreSQL through a relay.
func (s *testService) startBehindRelay(name string, env ...string) (*stack.Process, *relay) {
	s.t.Helper()
	u, err := url.Parse(s.stack.DatabaseURL("simtransfer"))
	if err != nil {
		s.t.Fatal(err)
	}
	// The path of a socket must be short.
	dir, err := os.MkdirTemp("", "relay-")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	q := u.Query()
	socket := "/.s.PGSQL." + q.Get("port")
	w := relayAt(s.t, "unix", dir+socket, q.Get("host")+socket)
	q.Set("host", dir)
	u.RawQuery = q.Encode()
	return s.start(name, append(env, "SIMTRANSFER_DATABASE_URL="+u.String())...), w
}

// testRequest is a transfer request of a testService.
type testRequest struct {
	*testService
	id   uuid.UUID
	sims []storagetest.SIM
}

// newRequest is the body of a call that creates a transfer request for SIMs.
func (s *testService) newRequest(sims []storagetest.SIM) client.NewRequest {
	names := make([]string, len(sims))
	for i, sim := range sims {
		names[i] = sim.ICCID
	}
	return client.NewRequest{Destination: client.Destination{Email: s.to.Email, OperatorID: s.to.OperatorID.Ref()}, SIMs: names}
}

// create creates a request over HTTP.
func (s *testService) create(sims []storagetest.SIM) testRequest {
	s.t.Helper()
	return s.createWith(s.newRequest(sims), sims)
}

func (s *testService) createWith(n client.NewRequest, sims []storagetest.SIM) testRequest {
	s.t.Helper()
	r, err := s.source.CreateRequest(s.t.Context(), n)
	if err != nil {
		s.t.Fatalf("creating a request: %v", err)
	}
	return testRequest{s, r.ID, sims}
}

// createOffered creates a request and brings it to awaiting_acceptance.
func (s *testService) createOffered(sims []storagetest.SIM) testRequest {
	s.t.Helper()
	r := s.create(sims)
	r.awaitOffered()
	return r
}

// awaitOffered waits for the end of validation, and approves the request if it
// is in review.
func (r testRequest) awaitOffered() {
	r.t.Helper()
	r.await("the end of validation", func(r storage.Request) bool { return r.State != transfer.Validating })
	if r.read().State == transfer.InReview {
		if _, err := r.support.ApproveRequest(r.t.Context(), r.id, client.Approval{Ticket: "CASE-1"}); err != nil {
			r.t.Fatalf("approving the request: %v", err)
		}
	}
	if state := r.read().State; state != transfer.AwaitingAcceptance {
		r.t.Fatalf("the request is %s", state)
	}
}

func (r testRequest) accept() {
	r.t.Helper()
	if _, err := r.destination.AcceptRequest(r.t.Context(), r.id, client.Acceptance{}); err != nil {
		r.t.Fatalf("accepting the request: %v", err)
	}
}

func (r testRequest) cancel() {
	r.t.Helper()
	if _, err := r.source.CancelRequest(r.t.Context(), r.id, client.Cancellation{}); err != nil {
		r.t.Fatalf("canceling the request: %v", err)
	}
}

// read returns the current state of the request.
func (r testRequest) read() storage.Request {
	r.t.Helper()
	for deadline := time.Now().Add(waitLimit); ; time.Sleep(10 * time.Millisecond) {
		request, err := r.DB.DB.Request(r.t.Context(), r.id)
		if err == nil {
			return request
		}
		if !storage.IsTransient(err) || time.Now().After(deadline) {
			r.t.Fatal(err)
		}
	}
}

func (r testRequest) await(what string, holds func(storage.Request) bool) {
	r.t.Helper()
	r.eventually(what, func() bool { return holds(r.read()) })
}

func (r testRequest) finished() bool { return r.read().FinishedAt != nil }

// awaitCompleted waits until the request is finished, and then does what
// checkCompleted does.
func (r testRequest) awaitCompleted() {
	r.t.Helper()
	r.await("the request is finished", func(storage.Request) bool { return r.finished() })
	r.checkCompleted()
}

// checkCompleted checks that every SIM belongs to the destination, with one
// registration, and that each fee was charged once.
func (r testRequest) checkCompleted() {
	r.t.Helper()
	fees := 0
	for _, sim := range r.sims {
		if sim.Status != transfer.Ready {
			fees++
		}
	}
	type count struct {
		State                                         transfer.RequestState
		Completed, Owned, Registered, Charges, Events int
		Amount                                        int64
	}
	want := count{transfer.RequestCompleted, len(r.sims), len(r.sims), len(r.sims), fees, len(r.sims), int64(fees) * fee}
	got := scan[count](r.testService, `
		SELECT
			r.state,
			r.n_completed AS completed,
			(SELECT count(*) FROM transfers t JOIN sims s ON s.id = t.sim WHERE t.request = r.id AND s.account = r.destination) AS owned,
			(SELECT count(*) FROM registrations g WHERE g.request = r.id) AS registered,
			(SELECT count(*) FROM charges c WHERE c.request = r.id) AS charges,
			(SELECT coalesce(sum((e.detail->>'completed')::int), 0) FROM events e WHERE e.request = r.id AND e.kind IN ('execute', 'drop_sessions')) AS events,
			(SELECT coalesce(sum(c.amount), 0) FROM charges c WHERE c.request = r.id) AS amount
		FROM requests r
		WHERE r.id = $1`, r.id)
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Errorf("the finished request (-want +got):\n%s", diff)
	}
}

// checkInvariants does what simtransfer check does.
func (s *testService) checkInvariants() {
	s.t.Helper()
	findings, err := s.DB.DB.Check(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range findings {
		if f.Violations > 0 {
			s.t.Errorf("%d violations of invariant %d, %s:\n\t%s", f.Violations, f.Number, f.Invariant, strings.Join(f.Examples, "\n\t"))
		}
	}
}

// mixedSIMs creates n SIMs, one third of which need support.
func (s *testService) mixedSIMs(n int) []storagetest.SIM {
	s.t.Helper()
	sims := s.SIMs(n-n/3, storagetest.SIM{Account: s.from.ID})
	return append(sims, s.SIMs(n/3, storagetest.SIM{Account: s.from.ID, Status: transfer.Active})...)
}

// acceptBlocked locks the first SIM of every chunk and accepts the request, so
// that workers wait in the middle of their transactions, with the work row locked.
// It returns when one waits; unblock releases the locks.
func (r testRequest) acceptBlocked() (unblock func()) {
	r.t.Helper()
	var ids []string
	for i := 0; i < len(r.sims); i += transfer.ChunkSize {
		ids = append(ids, fmt.Sprint(r.sims[i].ID))
	}
	unblock = r.HoldSQL(fmt.Sprintf(`SELECT FROM sims WHERE id IN (%s) ORDER BY id FOR UPDATE`, strings.Join(ids, ", ")))
	r.accept()
	r.awaitBlocked(1)
	return unblock
}

// awaitBlocked waits until n transactions wait for a lock.
func (s *testService) awaitBlocked(n int) {
	s.t.Helper()
	s.eventually("a transaction waits for a lock", func() bool {
		return scan[int](s, `
			SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`) >= n
	})
}

// taskOf returns the queue and id of the last dispatched task of the request's
// only work.
func (r testRequest) taskOf() (queue transfer.Queue, id string) {
	r.t.Helper()
	w := scan[storage.WorkInfo](r.testService, `SELECT id, gen, queue FROM work WHERE request = $1`, r.id)
	return w.Queue, tasks.ID(w.ID, w.Gen)
}

// inRedis waits until Redis has the task of the request's only work.
func (r testRequest) inRedis() (queue transfer.Queue, id string) {
	r.t.Helper()
	r.eventually("Redis has the task", func() bool {
		if scan[int](r.testService, `SELECT count(*) FROM work WHERE request = $1 AND dispatched_at IS NOT NULL`, r.id) == 0 {
			return false
		}
		queue, id = r.taskOf()
		_, err := r.inspector.GetTaskInfo(string(queue), id)
		return err == nil
	})
	return queue, id
}

func (s *testService) pause(queue transfer.Queue) {
	s.t.Helper()
	if err := s.inspector.PauseQueue(string(queue)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *testService) unpause(queue transfer.Queue) {
	s.t.Helper()
	if err := s.inspector.UnpauseQueue(string(queue)); err != nil {
		s.t.Fatal(err)
	}
}

// waiting returns the number of tasks that wait in a queue. (The inspector
// returns an error for a queue whose keys were flushed.)
func (s *testService) waiting(queue transfer.Queue) int64 { return s.length(queue, "pending") }

func (s *testService) length(queue transfer.Queue, list string) int64 {
	s.t.Helper()
	n, err := s.redis.LLen(s.t.Context(), fmt.Sprintf("asynq:{%s}:%s", queue, list)).Result()
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// idle waits until no task is waiting or running in a queue.
func (s *testService) idle(queue transfer.Queue) {
	s.t.Helper()
	s.eventually("the queue is empty", func() bool { return s.waiting(queue) == 0 && s.length(queue, "active") == 0 })
}

// replay enqueues a copy of an earlier task under another id, and waits until a
// worker has processed it.
func (s *testService) replay(t storage.Task) {
	s.t.Helper()
	task := s.Task(t)
	id := fmt.Sprintf("again-%s", uuid.NewString())
	if _, err := s.enqueuer.EnqueueContext(s.t.Context(), task, asynq.TaskID(id), asynq.Retention(time.Hour)); err != nil {
		s.t.Fatal(err)
	}
	s.eventually("the same task has run again", func() bool {
		info, err := s.inspector.GetTaskInfo(string(t.Queue), id)
		return err == nil && info.State == asynq.TaskStateCompleted
	})
}

// call makes one HTTP request with an Idempotency-Key, without retries.
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
