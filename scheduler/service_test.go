package scheduler_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"simtransfer/dev/servers/serverstest"
	"simtransfer/scheduler"
	"simtransfer/storage/storagetest"
	"simtransfer/tasks"
	"simtransfer/transfer"
)

// testService is a database and a Redis for one test, and access to the queues.
type testService struct {
	*storagetest.DB
	t         *testing.T
	url       string // of Redis
	redis     asynq.RedisConnOpt
	inspector *asynq.Inspector
}

func newTestService(t *testing.T) *testService {
	t.Helper()
	svc := &testService{DB: storagetest.Open(t), t: t, url: serverstest.RedisURL(t)}
	var err error
	if svc.redis, err = asynq.ParseRedisURI(svc.url); err != nil {
		t.Fatal(err)
	}
	svc.inspector = asynq.NewInspector(svc.redis)
	t.Cleanup(func() { _ = svc.inspector.Close() })
	return svc
}

// scheduler returns a scheduler whose loops are not running.
func (svc *testService) scheduler(r asynq.RedisConnOpt) *scheduler.Scheduler {
	svc.t.Helper()
	s := scheduler.New(svc.DB.DB, r, slog.New(slog.DiscardHandler), scheduler.Config{})
	svc.t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background()) // the test's own has ended
		cancel()
		_ = s.Run(ctx) // closes its connections
	})
	return s
}

// work creates n work rows in a queue and returns their ids.
func (svc *testService) work(queue transfer.Queue, n int) []int64 {
	svc.t.Helper()
	return storagetest.All[int64](svc.DB, `
		INSERT INTO work (kind, items, n, queue) SELECT 'drop_stray', ARRAY[i], 1, $1 FROM generate_series(1, $2) AS i RETURNING id`, queue, n)
}

// ids returns the ids of the tasks in a state, sorted.
func (svc *testService) ids(list func(queue string, o ...asynq.ListOption) ([]*asynq.TaskInfo, error), queue transfer.Queue) []string {
	svc.t.Helper()
	infos, err := list(string(queue), asynq.PageSize(5000))
	if err != nil && !errors.Is(err, asynq.ErrQueueNotFound) {
		svc.t.Fatal(err)
	}
	ids := []string{}
	for _, i := range infos {
		ids = append(ids, i.ID)
	}
	slices.Sort(ids)
	return ids
}

func (svc *testService) pending(queue transfer.Queue) []string {
	svc.t.Helper()
	return svc.ids(svc.inspector.ListPendingTasks, queue)
}

// tasksOf returns the ids of the tasks for the given dispatch of some work, sorted.
func tasksOf(gen int, work ...int64) []string {
	ids := []string{}
	for _, id := range work {
		ids = append(ids, tasks.ID(id, gen))
	}
	slices.Sort(ids)
	return ids
}

// flushRedis makes Redis lose all data.
func (svc *testService) flushRedis() {
	svc.t.Helper()
	o, err := redis.ParseURL(svc.url)
	if err != nil {
		svc.t.Fatal(err)
	}
	c := redis.NewClient(o)
	defer func() { _ = c.Close() }()
	if err := c.FlushDB(svc.t.Context()).Err(); err != nil {
		svc.t.Fatal(err)
	}
}

// age moves the times at which all work was dispatched and last checked into the
// past.
func (svc *testService) age(seconds int) {
	svc.t.Helper()
	svc.Exec(`
		UPDATE work
		SET dispatched_at = dispatched_at - make_interval(secs => $1), checked_at = checked_at - make_interval(secs => $1)`, seconds)
}

// workRow is the dispatch state of a work row.
type workRow struct {
	Gen, Crashes int
	Suspect      bool
	Dispatched   bool
}

func (svc *testService) workRows() []workRow {
	svc.t.Helper()
	return storagetest.All[workRow](svc.DB, `
		SELECT DISTINCT gen, crashes, suspect, dispatched_at IS NOT NULL AS dispatched FROM work ORDER BY gen`)
}

// once calls a method of a scheduler and fails the test if it returns an error.
func (svc *testService) once(do func(context.Context) (bool, error)) (more bool) {
	svc.t.Helper()
	more, err := do(svc.t.Context())
	if err != nil {
		svc.t.Fatal(err)
	}
	return more
}

// serve runs the tasks of a queue until stop is called.
func (svc *testService) serve(queue transfer.Queue, h func(context.Context, *asynq.Task) error) (stop func()) {
	svc.t.Helper()
	server := asynq.NewServer(svc.redis, asynq.Config{
		Queues:         map[string]int{string(queue): 1},
		Concurrency:    2,
		LogLevel:       asynq.FatalLevel,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return time.Hour },
	})
	if err := server.Start(asynq.HandlerFunc(h)); err != nil {
		svc.t.Fatal(err)
	}
	stop = sync.OnceFunc(server.Shutdown)
	svc.t.Cleanup(stop)
	return stop
}

// proxy forwards connections to Redis. While it is blocked, data from clients is
// held; after cut it refuses connections.
type proxy struct {
	t        *testing.T
	target   string
	listener net.Listener
	received chan struct{} // receives when data arrived while the proxy was blocked

	mu    sync.Mutex
	gate  chan struct{} // closed: data may pass
	conns []net.Conn
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &proxy{t: t, target: target, listener: l, received: make(chan struct{}, 1), gate: make(chan struct{})}
	close(w.gate)
	go w.accept()
	t.Cleanup(w.cut)
	return w
}

func (w *proxy) accept() {
	for {
		c, err := w.listener.Accept()
		if err != nil {
			return
		}
		r, err := new(net.Dialer).DialContext(w.t.Context(), "tcp", w.target)
		if err != nil {
			_ = c.Close()
			continue
		}
		w.mu.Lock()
		w.conns = append(w.conns, c, r)
		w.mu.Unlock()
		go func() {
			_, _ = io.Copy(c, r)
			_ = c.Close()
		}()
		go w.carry(r, c)
	}
}

func (w *proxy) carry(to, from net.Conn) {
	defer func() { _ = to.Close() }()
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		w.mu.Lock()
		gate := w.gate
		w.mu.Unlock()
		select {
		case <-gate:
		default:
			select {
			case w.received <- struct{}{}:
			default:
			}
			<-gate
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// block holds data from clients until open is called.
func (w *proxy) block() (open func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	gate := make(chan struct{})
	w.gate = gate
	return sync.OnceFunc(func() { close(gate) })
}

func (w *proxy) cut() {
	_ = w.listener.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
}

// throughProxy returns a proxy to Redis, and the options to connect through it.
func (svc *testService) throughProxy() (*proxy, asynq.RedisConnOpt) {
	svc.t.Helper()
	o, ok := svc.redis.(asynq.RedisClientOpt)
	if !ok {
		svc.t.Fatalf("Redis is reached by %T", svc.redis)
	}
	w := newProxy(svc.t, o.Addr)
	o.Addr = w.listener.Addr().String()
	return w, o
}
