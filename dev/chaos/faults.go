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

// fault is one thing that goes wrong for a while.
type fault struct {
	what   string
	victim string // no two faults hurt the same one at once
	do     func(ctx context.Context) error
}

// kindOfFault draws a fault of one kind.
type kindOfFault struct {
	weight int
	draw   func(c *chaos, r *rand.Rand) fault
}

func kindsOfFaults() []kindOfFault {
	return []kindOfFault{
		{10, (*chaos).drawKill},
		{8, (*chaos).drawFreeze},
		{6, (*chaos).drawRestart},
		{5, (*chaos).drawFlush},
		{4, (*chaos).drawForget},
		{2, (*chaos).drawDisconnect},
		{3, (*chaos).drawRedisKill},
		{2, (*chaos).drawRedisFreeze},
		{3, (*chaos).drawRedisCopy},
		{3, (*chaos).drawRedisRestore},
		{3, (*chaos).drawRedisFull},
		{5, (*chaos).drawAgain},
		{2, (*chaos).drawPause},
		{6, (*chaos).drawTerminate},
		{2, (*chaos).drawPostgresKill},
		{2, (*chaos).drawPostgresRestart},
		{3, (*chaos).drawPostgresFreeze},
		{5, (*chaos).drawErrors},
		{8, (*chaos).drawGateway},
	}
}

// inject draws faults until the time is over, and then waits until those under
// way are over, too. Every choice comes from one generator; a fault whose
// victim is being hurt already is left out.
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
		c.remember(ctx)
		f := c.draw(r)
		mu.Lock()
		taken := busy[f.victim]
		busy[f.victim] = true
		failed := len(errs) > 0
		mu.Unlock()
		if failed {
			wg.Wait()
			return errors.Join(errs...)
		}
		if taken {
			continue
		}
		c.faults++
		c.say("%s", f.what)
		wg.Go(func() {
			err := f.do(ctx)
			mu.Lock()
			defer mu.Unlock()
			busy[f.victim] = false
			if err != nil {
				errs = append(errs, fmt.Errorf("injecting %q: %w", f.what, err))
			}
		})
	}
}

func (c *chaos) draw(r *rand.Rand) fault {
	kinds, total := kindsOfFaults(), 0
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

// millis draws a duration.
func millis(r *rand.Rand, from, to int) time.Duration {
	return time.Duration(from+r.IntN(to-from)) * time.Millisecond
}

// anyRole draws a process: a worker more often than others.
func (c *chaos) anyRole(r *rand.Rand) *role { return c.cast.roles[r.IntN(len(c.cast.roles))] }

func (c *chaos) drawKill(r *rand.Rand) fault {
	role, away := c.anyRole(r), millis(r, 0, 2500)
	return fault{fmt.Sprintf("SIGKILL %s, back after %s", role.name, away), role.name, func(ctx context.Context) error {
		if err := c.cast.kill(role); err != nil {
			return err
		}
		pause(ctx, away)
		return c.cast.start(role)
	}}
}

func (c *chaos) drawFreeze(r *rand.Rand) fault {
	role, away := c.anyRole(r), millis(r, 200, 4000)
	switch n := r.IntN(10); {
	case n == 0 && c.Duration >= 3*time.Minute:
		away = millis(r, 33000, 40000) // longer than asynq's lease
	case n < 3 && c.Duration >= 30*time.Second:
		away = millis(r, 5500, 9000) // longer than a transaction may be idle
	}
	return fault{fmt.Sprintf("SIGSTOP %s for %s", role.name, away), role.name, func(ctx context.Context) error {
		if err := c.cast.signal(role, servers.Suspend); err != nil {
			return err
		}
		pause(ctx, away)
		return c.cast.signal(role, servers.Resume)
	}}
}

func (c *chaos) drawRestart(r *rand.Rand) fault {
	role := c.anyRole(r)
	return fault{"restart of " + role.name, role.name, func(context.Context) error {
		if err := c.cast.shutdown(role); err != nil {
			return err
		}
		return c.cast.start(role)
	}}
}

const (
	victimRedis    = "redis"
	victimPostgres = "postgres"
)

func (c *chaos) drawFlush(*rand.Rand) fault {
	return fault{"Redis: FLUSHALL", victimRedis, func(ctx context.Context) error { return c.redis.FlushAll(ctx).Err() }}
}

// drawForget deletes some tasks behind asynq's back.
func (c *chaos) drawForget(r *rand.Rand) fault {
	n := 1 + r.IntN(3)
	return fault{fmt.Sprintf("Redis: DEL of up to %d tasks", n), victimRedis, func(ctx context.Context) error {
		found, _, err := c.redis.Scan(ctx, 0, "asynq:{*}:t:*", 1000).Result()
		if err != nil || len(found) == 0 {
			return err
		}
		return c.redis.Del(ctx, found[:min(n, len(found))]...).Err()
	}}
}

func (c *chaos) drawDisconnect(*rand.Rand) fault {
	return fault{"Redis: CLIENT KILL of everybody", victimRedis, func(ctx context.Context) error {
		return c.redis.ClientKillByFilter(ctx, "TYPE", "normal", "SKIPME", "yes").Err()
	}}
}

func (c *chaos) drawRedisKill(r *rand.Rand) fault {
	away := millis(r, 0, 4000)
	return fault{fmt.Sprintf("Redis: SIGKILL, back after %s", away), victimRedis, func(ctx context.Context) error {
		if err := c.stack.Redis().Kill(); err != nil {
			return err
		}
		pause(ctx, away)
		return c.stack.Redis().Restart(ctx)
	}}
}

func (c *chaos) drawRedisFreeze(r *rand.Rand) fault {
	away := millis(r, 500, 5000)
	return fault{fmt.Sprintf("Redis: SIGSTOP for %s", away), victimRedis, func(ctx context.Context) error {
		return freeze(ctx, away, c.stack.Redis().PID())
	}}
}

func (c *chaos) drawRedisCopy(*rand.Rand) fault {
	return fault{"Redis: a copy of its data is taken", victimRedis, func(context.Context) (err error) {
		c.copy, err = c.stack.SnapshotRedis()
		return err
	}}
}

func (c *chaos) drawRedisRestore(r *rand.Rand) fault {
	if r.IntN(4) == 0 {
		return fault{"Redis: SIGKILL and restart without any data", victimRedis, func(ctx context.Context) error {
			return c.stack.RestoreRedis(ctx, nil)
		}}
	}
	return fault{"Redis: restart on the data that was copied last", victimRedis, func(ctx context.Context) error {
		return c.stack.RestoreRedis(ctx, c.copy)
	}}
}

func (c *chaos) drawRedisFull(r *rand.Rand) fault {
	away := millis(r, 500, 2500)
	return fault{fmt.Sprintf("Redis: maxmemory reached for %s", away), victimRedis, func(ctx context.Context) error {
		if err := c.redis.ConfigSet(ctx, "maxmemory", "1").Err(); err != nil {
			return err
		}
		pause(ctx, away)
		return c.redis.ConfigSet(ctx, "maxmemory", "0").Err()
	}}
}

// drawAgain enqueues old tasks once more, under other ids: some of their work
// is done, some is being done.
func (c *chaos) drawAgain(r *rand.Rand) fault {
	var picks []storage.Task
	for range 1 + r.IntN(30) {
		if pick := r.IntN(1 << 30); len(c.past) > 0 {
			picks = append(picks, c.past[pick%len(c.past)])
		}
	}
	return fault{fmt.Sprintf("Redis: %d old tasks are enqueued again", len(picks)), victimRedis, func(ctx context.Context) error {
		for _, t := range picks {
			task, err := tasks.New(t.Kind, t.Queue, tasks.Payload{Work: t.Work, Gen: t.Gen})
			if err != nil {
				return err
			}
			c.again++
			id := fmt.Sprintf("again-%d-%s", c.again, tasks.ID(t.Work, t.Gen))
			if _, err := c.enqueuer.EnqueueContext(ctx, task, asynq.TaskID(id)); err != nil {
				return err
			}
		}
		return nil
	}}
}

func (c *chaos) drawPause(r *rand.Rand) fault {
	queue, away := transfer.Queues()[r.IntN(len(transfer.Queues()))], millis(r, 500, 3000)
	return fault{fmt.Sprintf("Redis: queue %s paused for %s", queue, away), victimRedis, func(ctx context.Context) error {
		inspector := asynq.NewInspectorFromRedisClient(c.redis)
		// Paused already, or not any more, is as well.
		_ = inspector.PauseQueue(string(queue))
		pause(ctx, away)
		_ = inspector.UnpauseQueue(string(queue))
		return nil
	}}
}

func (c *chaos) drawTerminate(r *rand.Rand) fault {
	n := 1 + r.IntN(12)
	return fault{fmt.Sprintf("PostgreSQL: pg_terminate_backend of %d connections", n), victimPostgres, func(ctx context.Context) error {
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
	away := millis(r, 0, 2000)
	return fault{fmt.Sprintf("PostgreSQL: SIGKILL, back after %s", away), victimPostgres, func(ctx context.Context) error {
		if err := c.stack.Postgres().Kill(); err != nil {
			return err
		}
		pause(ctx, away)
		return c.stack.Postgres().Restart(ctx)
	}}
}

func (c *chaos) drawPostgresRestart(*rand.Rand) fault {
	return fault{"PostgreSQL: fast restart", victimPostgres, func(ctx context.Context) error {
		return c.stack.Postgres().Restart(ctx)
	}}
}

// drawPostgresFreeze stops all of PostgreSQL, or one of its processes, which may
// hold locks of every kind.
func (c *chaos) drawPostgresFreeze(r *rand.Rand) fault {
	away := millis(r, 300, 6000)
	pick := r.IntN(1 << 30)
	if pick%2 == 0 {
		return fault{fmt.Sprintf("PostgreSQL: SIGSTOP of everything for %s", away), victimPostgres, func(ctx context.Context) error {
			return freeze(ctx, away, c.stack.Postgres().PIDs()...)
		}}
	}
	return fault{fmt.Sprintf("PostgreSQL: SIGSTOP of one process for %s", away), victimPostgres, func(ctx context.Context) error {
		all := c.stack.Postgres().PIDs()
		return freeze(ctx, away, all[pick%len(all)])
	}}
}

// drawErrors makes one in a few statements fail for a while, as when a disk is
// full or transactions are in each other's way.
func (c *chaos) drawErrors(r *rand.Rand) fault {
	names := []string{"disk_full", "serialization_failure", "deadlock_detected", "too_many_connections", "out_of_memory"}
	name, away, share := names[r.IntN(len(names))], millis(r, 500, 4000), 0.1+0.4*r.Float64()
	return fault{fmt.Sprintf("PostgreSQL: %.0f%% of writes fail with %s for %s", 100*share, name, away), victimPostgres, func(ctx context.Context) error {
		if err := c.setErrors(ctx, name, share); err != nil {
			return err
		}
		pause(ctx, away)
		return c.setErrors(ctx, name, 0)
	}}
}

// setErrors makes a share of the writes fail; 0 ends that.
func (c *chaos) setErrors(ctx context.Context, name string, share float64) error {
	return persist(ctx, func() error {
		_, err := c.stack.DB.Pool().ExecContext(ctx, `UPDATE chaos_errors SET condition = $1, share = $2`, name, share)
		return err
	})
}

// errorsSQL makes writes fail as the table chaos_errors says.
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
	number, away := 1+r.IntN(gatewayCount), millis(r, 500, 8000)
	name, behavior := "silent", radius.Behavior{Silent: true}
	switch r.IntN(7) {
	case 0:
		name, behavior = "answering with garbage", radius.Behavior{Garbage: true}
	case 1:
		name, behavior = "answering with forgeries", radius.Behavior{Forge: true}
	case 2:
		name, behavior = "slow", radius.Behavior{Delay: millis(r, 100, 2500)}
	case 3:
		name, behavior = "losing its answers", radius.Behavior{LoseAnswers: true}
	case 4:
		name, behavior = "refusing half of the sessions", radius.Behavior{Refuse: radius.RefuseShare(0.5)}
	}
	return fault{fmt.Sprintf("gateway %d: %s for %s", number, name, away), sample.GatewayAddress(number), func(ctx context.Context) error {
		c.field.Gateways[number].SetBehavior(behavior)
		pause(ctx, away)
		c.field.Gateways[number].SetBehavior(radius.Behavior{})
		return nil
	}}
}

// remember notes some of the tasks that there are now, to enqueue them again.
func (c *chaos) remember(ctx context.Context) {
	var list []storage.Task
	// Without a database there is nothing to remember.
	_ = c.stack.DB.Pool().SelectContext(ctx, &list, `SELECT id, gen, kind, queue FROM work WHERE gen > 0 LIMIT 20`)
	c.past = append(c.past, list...)
	if most := 2000; len(c.past) > most {
		c.past = slices.Delete(c.past, 0, len(c.past)-most)
	}
}

// freeze stops processes for a while.
func freeze(ctx context.Context, away time.Duration, pids ...int) error {
	err := servers.Suspend(pids...)
	if err == nil {
		pause(ctx, away)
	}
	return errors.Join(err, servers.Resume(pids...))
}

// pause waits, at most until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// rest waits a moment before something is looked at again.
func rest(ctx context.Context) error {
	pause(ctx, 20*time.Millisecond)
	return ctx.Err()
}

// persist tries something for a while, because its server may be hurt at the
// moment.
func persist(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		if rest(ctx) != nil {
			return err
		}
	}
}

// ignoreLost ignores that the connection which ended others was ended too.
func ignoreLost(err error) error {
	if err != nil && (storage.IsBusy(err) || strings.Contains(err.Error(), "bad connection")) {
		return nil
	}
	return err
}
