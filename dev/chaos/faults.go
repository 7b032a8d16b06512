package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hibiken/asynq"

	"simtransfer/dev/sample"
	"simtransfer/dev/servers"
	"simtransfer/radius"
	"simtransfer/storage"
	"simtransfer/tasks"
	"simtransfer/transfer"
)

// fault is something that goes wrong for a while.
type fault struct {
	description string
	target      string                          // one fault at a time is injected into a target
	inject      func(ctx context.Context) error // returns when the fault is over
}

// hitsWorkers reports whether the fault is in a worker or in a server that workers need.
func (f fault) hitsWorkers() bool {
	return f.target == targetPostgres || f.target == targetRedis || strings.HasPrefix(f.target, "worker")
}

// faultKind creates random faults of one kind.
type faultKind struct {
	weight int
	draw   func(c *chaos, r *rand.Rand) fault
}

func faultKinds() []faultKind {
	return []faultKind{
		{10, (*chaos).drawKill},
		{8, (*chaos).drawFreeze},
		{6, (*chaos).drawRestart},
		{5, (*chaos).drawFlush},
		{4, (*chaos).drawDeleteTasks},
		{2, (*chaos).drawDisconnectClients},
		{3, (*chaos).drawRedisKill},
		{2, (*chaos).drawRedisFreeze},
		{3, (*chaos).drawRedisSnapshot},
		{3, (*chaos).drawRedisRestore},
		{3, (*chaos).drawRedisFull},
		{5, (*chaos).drawRequeue},
		{2, (*chaos).drawPauseQueue},
		{6, (*chaos).drawTerminateConnections},
		{2, (*chaos).drawPostgresKill},
		{2, (*chaos).drawPostgresRestart},
		{3, (*chaos).drawPostgresFreeze},
		{5, (*chaos).drawFailingWrites},
		{8, (*chaos).drawGateway},
		{9, (*chaos).drawReceiver},
		{8, (*chaos).drawMailServer},
		{5, (*chaos).drawHurry},
	}
}

// inject injects random faults until the time is over, and returns when all of them
// are over. All choices come from one generator. A fault is skipped if another one
// is in its target.
func (c *chaos) inject(ctx context.Context, r *rand.Rand, until <-chan time.Time) error {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		busy = map[string]bool{}
		errs []error
	)
	defer wg.Wait()
	for {
		pause := time.Duration(150+r.IntN(900)) * time.Millisecond
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-until:
			wg.Wait()
			return errors.Join(errs...)
		case <-time.After(pause):
		}
		c.rememberTasks(ctx)
		f := c.draw(r)
		mu.Lock()
		skip := busy[f.target]
		busy[f.target] = true
		failed := len(errs) > 0
		mu.Unlock()
		if failed {
			wg.Wait()
			return errors.Join(errs...)
		}
		if skip {
			continue
		}
		c.faults++
		c.say("%s", f.description)
		wg.Go(func() {
			from := time.Now()
			err := f.inject(ctx)
			mu.Lock()
			defer mu.Unlock()
			busy[f.target] = false
			if f.hitsWorkers() {
				c.spans = append(c.spans, span{from, time.Now()})
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("injecting %q: %w", f.description, err))
			}
		})
	}
}

func (c *chaos) draw(r *rand.Rand) fault {
	kinds, total := faultKinds(), 0
	for _, k := range kinds {
		total += k.weight
	}
	n := r.IntN(total)
	for _, k := range kinds {
		if n < k.weight {
			return k.draw(c, r)
		}
		n -= k.weight
	}
	panic("the weights do not add up")
}

// millis picks a duration between from and to milliseconds.
func millis(r *rand.Rand, from, to int) time.Duration {
	return time.Duration(from+r.IntN(to-from)) * time.Millisecond
}

// pickProcess picks one of the processes.
func (c *chaos) pickProcess(r *rand.Rand) *process {
	return c.supervisor.processes[r.IntN(len(c.supervisor.processes))]
}

func (c *chaos) drawKill(r *rand.Rand) fault {
	p, duration := c.pickProcess(r), millis(r, 0, 2500)
	return fault{fmt.Sprintf("SIGKILL %s, restart after %s", p.name, duration), p.name, func(ctx context.Context) error {
		if err := c.supervisor.kill(p); err != nil {
			return err
		}
		pause(ctx, duration)
		return c.supervisor.start(p)
	}}
}

func (c *chaos) drawFreeze(r *rand.Rand) fault {
	p, duration := c.pickProcess(r), millis(r, 200, 4000)
	switch n := r.IntN(10); {
	case n == 0 && c.Duration >= 3*time.Minute:
		duration = millis(r, 33000, 40000) // longer than the lease of asynq
	case n < 3 && c.Duration >= 30*time.Second:
		duration = millis(r, 5500, 9000) // longer than a transaction may be idle
	}
	return fault{fmt.Sprintf("SIGSTOP %s for %s", p.name, duration), p.name, func(ctx context.Context) error {
		if err := c.supervisor.suspend(p); err != nil {
			return err
		}
		pause(ctx, duration)
		return c.supervisor.resume(p)
	}}
}

func (c *chaos) drawRestart(r *rand.Rand) fault {
	p := c.pickProcess(r)
	return fault{"restart " + p.name, p.name, func(context.Context) error {
		if err := c.supervisor.shutdown(p); err != nil {
			return err
		}
		return c.supervisor.start(p)
	}}
}

const (
	targetRedis    = "redis"
	targetPostgres = "postgres"
)

func (c *chaos) drawFlush(*rand.Rand) fault {
	return fault{"Redis: FLUSHALL", targetRedis, func(ctx context.Context) error { return c.redis.FlushAll(ctx).Err() }}
}

// drawDeleteTasks deletes some tasks of asynq.
func (c *chaos) drawDeleteTasks(r *rand.Rand) fault {
	n := 1 + r.IntN(3)
	return fault{fmt.Sprintf("Redis: DEL up to %d tasks", n), targetRedis, func(ctx context.Context) error {
		found, _, err := c.redis.Scan(ctx, 0, "asynq:{*}:t:*", 1000).Result()
		if err != nil || len(found) == 0 {
			return err
		}
		return c.redis.Del(ctx, found[:min(n, len(found))]...).Err()
	}}
}

func (c *chaos) drawDisconnectClients(*rand.Rand) fault {
	return fault{"Redis: CLIENT KILL all clients", targetRedis, func(ctx context.Context) error {
		return c.redis.ClientKillByFilter(ctx, "TYPE", "normal", "SKIPME", "yes").Err()
	}}
}

func (c *chaos) drawRedisKill(r *rand.Rand) fault {
	duration := millis(r, 0, 4000)
	return fault{fmt.Sprintf("Redis: SIGKILL, restart after %s", duration), targetRedis, func(ctx context.Context) error {
		if err := c.stack.Redis().Kill(); err != nil {
			return err
		}
		pause(ctx, duration)
		return c.stack.Redis().Restart(ctx)
	}}
}

func (c *chaos) drawRedisFreeze(r *rand.Rand) fault {
	duration := millis(r, 500, 5000)
	return fault{fmt.Sprintf("Redis: SIGSTOP for %s", duration), targetRedis, func(ctx context.Context) error {
		return freeze(ctx, duration, c.stack.Redis().PID())
	}}
}

func (c *chaos) drawRedisSnapshot(*rand.Rand) fault {
	return fault{"Redis: snapshot of its data", targetRedis, func(context.Context) (err error) {
		c.snapshot, err = c.stack.SnapshotRedis()
		return err
	}}
}

func (c *chaos) drawRedisRestore(r *rand.Rand) fault {
	if r.IntN(4) == 0 {
		return fault{"Redis: SIGKILL, restart without data", targetRedis, func(ctx context.Context) error {
			return c.stack.RestoreRedis(ctx, nil)
		}}
	}
	return fault{"Redis: SIGKILL, restart with the last snapshot", targetRedis, func(ctx context.Context) error {
		return c.stack.RestoreRedis(ctx, c.snapshot)
	}}
}

func (c *chaos) drawRedisFull(r *rand.Rand) fault {
	duration := millis(r, 500, 2500)
	return fault{fmt.Sprintf("Redis: maxmemory reached for %s", duration), targetRedis, func(ctx context.Context) error {
		if err := c.redis.ConfigSet(ctx, "maxmemory", "1").Err(); err != nil {
			return err
		}
		pause(ctx, duration)
		return c.redis.ConfigSet(ctx, "maxmemory", "0").Err()
	}}
}

// drawRequeue enqueues old tasks again, under other ids: some of their work is done,
// some is being done.
func (c *chaos) drawRequeue(r *rand.Rand) fault {
	var picks []storage.Task
	for range 1 + r.IntN(30) {
		if pick := r.IntN(1 << 30); len(c.dispatched) > 0 {
			picks = append(picks, c.dispatched[pick%len(c.dispatched)])
		}
	}
	return fault{fmt.Sprintf("Redis: enqueue %d old tasks again", len(picks)), targetRedis, func(ctx context.Context) error {
		for _, t := range picks {
			task, err := tasks.New(t.Kind, t.Queue, tasks.Payload{Work: t.Work, Gen: t.Gen})
			if err != nil {
				return err
			}
			c.requeued++
			id := fmt.Sprintf("requeued-%d-%s", c.requeued, tasks.ID(t.Work, t.Gen))
			if _, err := c.enqueuer.EnqueueContext(ctx, task, asynq.TaskID(id)); err != nil {
				return err
			}
		}
		return nil
	}}
}

func (c *chaos) drawPauseQueue(r *rand.Rand) fault {
	queue, duration := transfer.Queues()[r.IntN(len(transfer.Queues()))], millis(r, 500, 3000)
	return fault{fmt.Sprintf("Redis: queue %s paused for %s", queue, duration), targetRedis, func(ctx context.Context) error {
		inspector := asynq.NewInspectorFromRedisClient(c.redis)
		// It is not an error if the queue is already paused or resumed.
		_ = inspector.PauseQueue(string(queue))
		pause(ctx, duration)
		_ = inspector.UnpauseQueue(string(queue))
		return nil
	}}
}

func (c *chaos) drawTerminateConnections(r *rand.Rand) fault {
	n := 1 + r.IntN(12)
	return fault{fmt.Sprintf("PostgreSQL: pg_terminate_backend for %d connections", n), targetPostgres, func(ctx context.Context) error {
		_, err := c.stack.DB.Pool().ExecContext(ctx, `
			SELECT pg_terminate_backend(pid)
			FROM (
				SELECT pid FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid()
				ORDER BY state = 'idle', random()
				LIMIT $1
			) victims`, n)
		return ignoreLost(err)
	}}
}

func (c *chaos) drawPostgresKill(r *rand.Rand) fault {
	duration := millis(r, 0, 2000)
	return fault{fmt.Sprintf("PostgreSQL: SIGKILL, restart after %s", duration), targetPostgres, func(ctx context.Context) error {
		if err := c.stack.Postgres().Kill(); err != nil {
			return err
		}
		pause(ctx, duration)
		return c.stack.Postgres().Restart(ctx)
	}}
}

func (c *chaos) drawPostgresRestart(*rand.Rand) fault {
	return fault{"PostgreSQL: fast restart", targetPostgres, func(ctx context.Context) error {
		return c.stack.Postgres().Restart(ctx)
	}}
}

// drawPostgresFreeze suspends all of PostgreSQL, or one of its processes, which may
// hold any locks.
func (c *chaos) drawPostgresFreeze(r *rand.Rand) fault {
	duration := millis(r, 300, 6000)
	pick := r.IntN(1 << 30)
	if pick%2 == 0 {
		return fault{fmt.Sprintf("PostgreSQL: SIGSTOP all processes for %s", duration), targetPostgres, func(ctx context.Context) error {
			return freeze(ctx, duration, c.stack.Postgres().PIDs()...)
		}}
	}
	return fault{fmt.Sprintf("PostgreSQL: SIGSTOP one process for %s", duration), targetPostgres, func(ctx context.Context) error {
		all := c.stack.Postgres().PIDs()
		return freeze(ctx, duration, all[pick%len(all)])
	}}
}

// drawFailingWrites makes a share of the writes fail for a while, as if a disk were full or
// transactions conflicted.
func (c *chaos) drawFailingWrites(r *rand.Rand) fault {
	names := []string{"disk_full", "serialization_failure", "deadlock_detected", "too_many_connections", "out_of_memory"}
	name, duration, share := names[r.IntN(len(names))], millis(r, 500, 4000), 0.1+0.4*r.Float64()
	return fault{fmt.Sprintf("PostgreSQL: %.0f%% of writes fail with %s for %s", 100*share, name, duration), targetPostgres, func(ctx context.Context) error {
		if err := c.setErrors(ctx, name, share); err != nil {
			return err
		}
		pause(ctx, duration)
		return c.setErrors(ctx, name, 0)
	}}
}

// setErrors makes a share of the writes fail; 0 means none.
func (c *chaos) setErrors(ctx context.Context, name string, share float64) error {
	return retry(ctx, func() error {
		_, err := c.stack.DB.Pool().ExecContext(ctx, `UPDATE chaos_errors SET condition = $1, share = $2`, name, share)
		return err
	})
}

// errorsSQL installs triggers that make writes fail as configured in the table
// chaos_errors.
const errorsSQL = `
	CREATE TABLE chaos_errors (condition text NOT NULL, share double precision NOT NULL);
	INSERT INTO chaos_errors VALUES ('disk_full', 0);
	CREATE FUNCTION chaos_error() RETURNS trigger LANGUAGE plpgsql AS $$
	DECLARE
		e chaos_errors;
	BEGIN
		SELECT * INTO e FROM chaos_errors;
		IF random() < e.share THEN
			CASE e.condition
			WHEN 'disk_full' THEN RAISE disk_full;
			WHEN 'serialization_failure' THEN RAISE serialization_failure;
			WHEN 'deadlock_detected' THEN RAISE deadlock_detected;
			WHEN 'too_many_connections' THEN RAISE too_many_connections;
			ELSE RAISE out_of_memory;
			END CASE;
		END IF;
		RETURN NULL;
	END $$;
	CREATE TRIGGER chaos AFTER UPDATE OR DELETE ON work FOR EACH STATEMENT EXECUTE FUNCTION chaos_error();
	CREATE TRIGGER chaos AFTER UPDATE ON transfers FOR EACH STATEMENT EXECUTE FUNCTION chaos_error();
	CREATE TRIGGER chaos AFTER INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION chaos_error();`

func (c *chaos) drawGateway(r *rand.Rand) fault {
	number, duration := 1+r.IntN(gatewayCount), millis(r, 500, 8000)
	name, behavior := "silent", radius.Behavior{Silent: true}
	switch r.IntN(7) {
	case 0:
		name, behavior = "answering with garbage", radius.Behavior{Garbage: true}
	case 1:
		name, behavior = "answering with forged packets", radius.Behavior{Forge: true}
	case 2:
		name, behavior = "slow", radius.Behavior{Delay: millis(r, 100, 2500)}
	case 3:
		name, behavior = "losing its answers", radius.Behavior{LoseAnswers: true}
	case 4:
		name, behavior = "refusing half of the sessions", radius.Behavior{Refuse: radius.RefuseShare(0.5)}
	}
	return fault{fmt.Sprintf("gateway %d: %s for %s", number, name, duration), sample.GatewayAddress(number), func(ctx context.Context) error {
		c.devices.Gateways[number].SetBehavior(behavior)
		pause(ctx, duration)
		c.devices.Gateways[number].SetBehavior(radius.Behavior{})
		return nil
	}}
}

// rememberTasks records some of the dispatched tasks, to enqueue them again later.
func (c *chaos) rememberTasks(ctx context.Context) {
	var list []storage.Task
	// While the database is down, nothing is recorded.
	_ = c.stack.DB.Pool().SelectContext(ctx, &list, `SELECT id, gen, kind, queue FROM work WHERE gen > 0 LIMIT 20`)
	c.dispatched = append(c.dispatched, list...)
	if limit := 2000; len(c.dispatched) > limit {
		c.dispatched = slices.Delete(c.dispatched, 0, len(c.dispatched)-limit)
	}
}

// freeze suspends processes for a while.
func freeze(ctx context.Context, duration time.Duration, pids ...int) error {
	err := servers.Suspend(pids...)
	if err == nil {
		pause(ctx, duration)
	}
	return errors.Join(err, servers.Resume(pids...))
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// pollPause waits between two reads of the same thing. It returns an error if ctx
// ends.
func pollPause(ctx context.Context) error {
	pause(ctx, 20*time.Millisecond)
	return ctx.Err()
}

// retry repeats try for up to 30 seconds, because another fault may be in its server.
func retry(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		if pollPause(ctx) != nil {
			return err
		}
	}
}

// ignoreLost ignores the error if the connection that terminated others was
// terminated, too.
func ignoreLost(err error) error {
	if err != nil && (storage.IsBusy(err) || strings.Contains(err.Error(), "bad connection")) {
		return nil
	}
	return err
}
