package scheduler_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"simtransfer/dev/servers/serverstest"
	"simtransfer/scheduler"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// waiting creates requests that wait for acceptance, with plain SQL.
func (svc *testService) waiting(n int) {
	svc.t.Helper()
	from, to := svc.Account(), svc.Account()
	for _, sim := range svc.SIMs(n, storagetest.SIM{Account: from.ID}) {
		svc.Request(storagetest.Request{From: from, To: to, SIMs: []storagetest.SIM{sim}})
	}
	svc.Exec(`
		WITH done AS (DELETE FROM work), eligible AS (
			UPDATE transfers t
			SET state = 'eligible', method = 'self_service', fee = 0, sim = i.sim
			FROM identifiers i
			WHERE i.identifier = t.identifier
			RETURNING t.sim, t.request, t.n
		), claimed AS (
			INSERT INTO open_transfers (sim, request, n) SELECT sim, request, n FROM eligible
		), told AS (
			INSERT INTO events (request, seq, kind, party, to_state) SELECT id, 2, 'offer', 'system', 'awaiting_acceptance' FROM requests
		)
		UPDATE requests
		SET state = 'awaiting_acceptance', n_left = 0, n_eligible = 1, any_self_service = true, offered_at = clock_timestamp(), expires_at = clock_timestamp() + interval '1 hour', last_event = 2`)
}

func TestExpire(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	svc.waiting(103)
	s := svc.scheduler(svc.redis)
	expired := func(want int) {
		t.Helper()
		if n := storagetest.One[int](svc.DB, `SELECT count(*) FROM requests WHERE state = 'expired'`); n != want {
			t.Errorf("%d requests are expired, want %d", n, want)
		}
	}
	if more := svc.once(s.Expire); more {
		t.Error("nothing is due, and there is more to do")
	}
	expired(0)
	svc.Exec(`UPDATE requests SET expires_at = clock_timestamp() - interval '1 s' WHERE id IN (SELECT id FROM requests ORDER BY id LIMIT 101)`)
	if more := svc.once(s.Expire); !more {
		t.Error("a hundred requests were due, and there is no more to do")
	}
	expired(100)
	if more := svc.once(s.Expire); more {
		t.Error("the last request was due, and there is more to do")
	}
	expired(101)
	if n := storagetest.One[int](svc.DB, `SELECT count(*) FROM work WHERE kind = 'release'`); n != 101 {
		t.Errorf("%d rows of work, want one for each expired request", n)
	}
	svc.Check()
}

// The log reports requests as expired only if all of them were.
func TestExpireLogsOnlySuccess(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	svc.waiting(2)
	svc.Exec(`UPDATE requests SET expires_at = clock_timestamp() - interval '1 s'`)
	var log storagetest.Log
	s := scheduler.New(svc.DB.DB, svc.redis, slog.New(slog.NewTextHandler(&log, nil)), scheduler.Config{})
	svc.Exec(`
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'this one does not expire'; END $$;
		CREATE TRIGGER refuse BEFORE UPDATE ON requests FOR EACH ROW WHEN (NEW.state = 'expired') EXECUTE FUNCTION refuse()`)
	if _, err := s.Expire(t.Context()); err == nil {
		t.Error("no error")
	}
	if text := log.String(); strings.Contains(text, "requests expired") || !strings.Contains(text, "due=2") {
		t.Errorf("none expired, and the log says:\n%s", text)
	}
	svc.Exec(`DROP FUNCTION refuse() CASCADE`)
	svc.once(s.Expire)
	if text := log.String(); !strings.Contains(text, "requests expired") || !strings.Contains(text, "requests=2") {
		t.Errorf("two expired, and the log says:\n%s", text)
	}
}

// Two concurrent calls expire each request once.
func TestConcurrentExpire(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	svc.waiting(150)
	svc.Exec(`UPDATE requests SET expires_at = clock_timestamp() - interval '1 s'`)
	var ended []<-chan error
	for range 2 {
		s := svc.scheduler(svc.redis)
		ended = append(ended, storagetest.Go(func() error {
			for {
				if more, err := s.Expire(t.Context()); err != nil || !more {
					return err
				}
			}
		}))
	}
	for _, e := range ended {
		if err := <-e; err != nil {
			t.Error(err)
		}
	}
	svc.once(svc.scheduler(svc.redis).Expire) // what one of them left to the other
	if n := storagetest.One[int](svc.DB, `SELECT count(*) FROM requests WHERE state = 'expired' AND last_event = 3`); n != 150 {
		t.Errorf("%d requests are expired once, want 150", n)
	}
	svc.Check()
}

func TestPurge(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	svc.waiting(2)
	svc.Exec(`INSERT INTO chosen SELECT id, 0 FROM requests; INSERT INTO withdrawn SELECT id, 0 FROM requests`)
	svc.Exec(`INSERT INTO idempotency (scope, key, fingerprint, answer, created_at)
		VALUES ('1', 'old', '', '{}', clock_timestamp() - interval '25 hours'), ('1', 'new', '', '{}', clock_timestamp() - interval '23 hours')`)
	svc.Exec(`UPDATE requests SET state = 'canceled', n_eligible = 0, n_canceled = 1, finished_at = clock_timestamp()
		WHERE id = (SELECT id FROM requests ORDER BY id LIMIT 1)`)
	if more := svc.once(svc.scheduler(svc.redis).Purge); more {
		t.Error("there is more to do")
	}
	var left struct{ Chosen, Withdrawn, Answers int }
	svc.Get(&left, `SELECT (SELECT count(*) FROM chosen) AS chosen, (SELECT count(*) FROM withdrawn) AS withdrawn, (SELECT count(*) FROM idempotency) AS answers`)
	if left.Chosen != 1 || left.Withdrawn != 1 || left.Answers != 1 {
		t.Errorf("left: %+v, want one of each", left)
	}
}

// A call that has deleted a full batch reports that there may be more, although
// the notes are in two tables.
func TestPurgeReportsMore(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	svc.waiting(1)
	svc.Exec(`INSERT INTO chosen SELECT id, i FROM requests, generate_series(0, 10000) AS i; INSERT INTO withdrawn SELECT id, 0 FROM requests`)
	svc.Exec(`UPDATE requests SET state = 'canceled', n_eligible = 0, n_canceled = 1, finished_at = clock_timestamp()`)
	s := svc.scheduler(svc.redis)
	if more := svc.once(s.Purge); !more {
		t.Error("one note is left, and there is no more to do")
	}
	if more := svc.once(s.Purge); more {
		t.Error("nothing is left, and there is more to do")
	}
	if n := storagetest.One[int](svc.DB, `SELECT (SELECT count(*) FROM chosen) + (SELECT count(*) FROM withdrawn)`); n != 0 {
		t.Errorf("%d notes are left", n)
	}
}

// times returns when lines with this text were logged.
func times(log *storagetest.Log, what string) (list []time.Time) {
	for line := range strings.Lines(log.String()) {
		var at string
		if !strings.Contains(line, what) {
			continue
		}
		if _, err := fmt.Sscanf(line, "time=%s ", &at); err != nil {
			continue
		}
		if when, err := time.Parse(time.RFC3339, at); err == nil {
			list = append(list, when)
		}
	}
	return list
}

// The loops run unattended, start even if Redis is down, and leave no goroutine or
// connection behind.
//
//nolint:paralleltest // it checks for leaked goroutines, and would find those of other tests
func TestRun(t *testing.T) {
	leaks := []goleak.Option{goleak.IgnoreCurrent(), serverstest.IgnoreServers()}
	svc := newTestService(t)
	svc.waiting(1)
	svc.Exec(`UPDATE requests SET expires_at = clock_timestamp() - interval '1 s'`)
	work := svc.work(transfer.QueueBulk, 10)
	w, redis := svc.throughProxy()
	open := w.block()
	defer open()

	var log storagetest.Log
	s := scheduler.New(svc.DB.DB, redis, slog.New(slog.NewTextHandler(&log, nil)), scheduler.Config{Reconcile: 20 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	ended := storagetest.Go(func() error { return s.Run(ctx) })
	storagetest.Await(t, "the request's expiry while Redis is down", func() bool {
		return storagetest.One[transfer.RequestState](svc.DB, `SELECT state FROM requests`) == transfer.RequestExpired
	})
	open()
	storagetest.Await(t, "the tasks", func() bool { return len(svc.pending(transfer.QueueBulk)) == len(work) })
	svc.flushRedis()
	svc.age(60)
	storagetest.Await(t, "the lost tasks", func() bool { return len(svc.pending(transfer.QueueBulk)) == len(work) })
	storagetest.Await(t, "a log message about the lost tasks", func() bool { return strings.Contains(log.String(), "tasks that Redis had lost were enqueued again") })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	w.cut()
	_ = svc.inspector.Close()
	_ = svc.Close()
	goleak.VerifyNone(t, leaks...)
}

// A loop that fails logs the error, once at a level that people see, waits, and
// continues.
func TestLoopContinuesAfterError(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	svc.Exec(`ALTER TABLE work RENAME TO hidden`)
	var log storagetest.Log
	s := scheduler.New(svc.DB.DB, svc.redis, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), scheduler.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := storagetest.Go(func() error { return s.Run(ctx) })
	storagetest.Await(t, "two log messages about the failure", func() bool { return len(times(&log, "loop=dispatch")) > 1 })
	if text := times(&log, "loop=dispatch"); text[1].Sub(text[0]) < 900*time.Millisecond {
		t.Errorf("it waited %s", text[1].Sub(text[0]))
	}
	svc.Exec(`ALTER TABLE hidden RENAME TO work`)
	svc.work(transfer.QueueBulk, 1)
	storagetest.Await(t, "the task", func() bool { return len(svc.pending(transfer.QueueBulk)) == 1 })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
