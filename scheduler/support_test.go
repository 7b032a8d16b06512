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

// engine is a database and a Redis of a test's own, with a look into the queues.
type engine struct {
	*storagetest.DB
	t         *testing.T
	url       string // of Redis
	redis     asynq.RedisConnOpt
	inspector *asynq.Inspector
}

func newEngine(t *testing.T) *engine {
	t.Helper()
	e := &engine{DB: storagetest.Open(t), t: t, url: serverstest.RedisURL(t)}
	var err error
	if e.redis, err = asynq.ParseRedisURI(e.url); err != nil {
		t.Fatal(err)
	}
	e.inspector = asynq.NewInspector(e.redis)
	t.Cleanup(func() { _ = e.inspector.Close() })
	return e
}

// scheduler returns a scheduler whose loops do not run.
func (e *engine) scheduler(r asynq.RedisConnOpt) *scheduler.Scheduler {
	e.t.Helper()
	s := scheduler.New(e.DB.DB, r, slog.New(slog.DiscardHandler), scheduler.Config{})
	e.t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background()) // the test's own has ended
		cancel()
		_ = s.Run(ctx) // closes its connections
	})
	return s
}

// work makes n rows of work of a queue and returns their ids.
func (e *engine) work(queue transfer.Queue, n int) []int64 {
	e.t.Helper()
	return storagetest.All[int64](e.DB, `
		INSERT INTO work (kind, items, n, queue) SELECT 'drop_stray', ARRAY[i], 1, $1 FROM generate_series(1, $2) AS i RETURNING id`, queue, n)
}

// ids are the tasks that a queue has in a state, sorted.
func (e *engine) ids(list func(queue string, o ...asynq.ListOption) ([]*asynq.TaskInfo, error), queue transfer.Queue) []string {
	e.t.Helper()
	infos, err := list(string(queue), asynq.PageSize(5000))
	if err != nil && !errors.Is(err, asynq.ErrQueueNotFound) {
		e.t.Fatal(err)
	}
	ids := []string{}
	for _, i := range infos {
		ids = append(ids, i.ID)
	}
	slices.Sort(ids)
	return ids
}

func (e *engine) pending(queue transfer.Queue) []string {
	e.t.Helper()
	return e.ids(e.inspector.ListPendingTasks, queue)
}

// tasksOf are the ids of the tasks of some work, of a generation, sorted.
func tasksOf(gen int, work ...int64) []string {
	ids := []string{}
	for _, id := range work {
		ids = append(ids, tasks.ID(id, gen))
	}
	slices.Sort(ids)
	return ids
}

// forget makes Redis lose everything.
func (e *engine) forget() {
	e.t.Helper()
	o, err := redis.ParseURL(e.url)
	if err != nil {
		e.t.Fatal(err)
	}
	c := redis.NewClient(o)
	defer func() { _ = c.Close() }()
	if err := c.FlushDB(e.t.Context()).Err(); err != nil {
		e.t.Fatal(err)
	}
}

// age makes all work look dispatched, and last looked at, a while ago.
func (e *engine) age(seconds int) {
	e.t.Helper()
	e.Exec(`
		UPDATE work
		SET dispatched_at = dispatched_at - make_interval(secs => $1), checked_at = checked_at - make_interval(secs => $1)`, seconds)
}

// note is what a work row says of its dispatches.
type note struct {
	Gen, Crashes int
	Suspect      bool
	Dispatched   bool
}

func (e *engine) notes() []note {
	e.t.Helper()
	return storagetest.All[note](e.DB, `
		SELECT DISTINCT gen, crashes, suspect, dispatched_at IS NOT NULL AS dispatched FROM work ORDER BY gen`)
}

// once calls a method of a scheduler and fails the test for its error.
func (e *engine) once(do func(context.Context) (bool, error)) (more bool) {
	e.t.Helper()
	more, err := do(e.t.Context())
	if err != nil {
		e.t.Fatal(err)
	}
	return more
}

// serve runs tasks of a queue until stop is called.
func (e *engine) serve(queue transfer.Queue, h func(context.Context, *asynq.Task) error) (stop func()) {
	e.t.Helper()
	server := asynq.NewServer(e.redis, asynq.Config{
		Queues:         map[string]int{string(queue): 1},
		Concurrency:    2,
		LogLevel:       asynq.FatalLevel,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return time.Hour },
	})
	if err := server.Start(asynq.HandlerFunc(h)); err != nil {
		e.t.Fatal(err)
	}
	stop = sync.OnceFunc(server.Shutdown)
	e.t.Cleanup(stop)
	return stop
}

// wire stands between a client and Redis. What the client says waits while the
// wire is blocked; a wire that is cut refuses connections.
type wire struct {
	t        *testing.T
	target   string
	listener net.Listener
	said     chan struct{} // something was said while the wire was blocked

	mu    sync.Mutex
	gate  chan struct{} // closed: open to pass
	conns []net.Conn
}

func newWire(t *testing.T, target string) *wire {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{t: t, target: target, listener: l, said: make(chan struct{}, 1), gate: make(chan struct{})}
	close(w.gate)
	go w.accept()
	t.Cleanup(w.cut)
	return w
}

func (w *wire) accept() {
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

func (w *wire) carry(to, from net.Conn) {
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
			case w.said <- struct{}{}:
			default:
			}
			<-gate
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// block makes what is said from now on wait until open is called.
func (w *wire) block() (open func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	gate := make(chan struct{})
	w.gate = gate
	return sync.OnceFunc(func() { close(gate) })
}

func (w *wire) cut() {
	_ = w.listener.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
}

// redisBehind returns how to reach the engine's Redis through a wire.
func (e *engine) wired() (*wire, asynq.RedisConnOpt) {
	e.t.Helper()
	o, ok := e.redis.(asynq.RedisClientOpt)
	if !ok {
		e.t.Fatalf("Redis is reached by %T", e.redis)
	}
	w := newWire(e.t, o.Addr)
	o.Addr = w.listener.Addr().String()
	return w, o
}
