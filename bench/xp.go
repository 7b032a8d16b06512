package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/storage"
	"simtransfer/transfer"
)

type cpuClock struct {
	pid   int
	sums  map[string]float64
	wall  map[string]time.Duration
	order []string
}

func (c *cpuClock) now() float64 {
	t, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", c.pid))
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseFloat(strings.Fields(string(t))[0], 64)
	return n / 1e6
}

func (c *cpuClock) do(name string, f func() error) error {
	before, start := c.now(), time.Now()
	err := f()
	if _, ok := c.sums[name]; !ok {
		c.order = append(c.order, name)
	}
	c.sums[name] += c.now() - before
	c.wall[name] += time.Since(start)
	return err
}

func (c *cpuClock) print(b *bed, title string) {
	total := 0.0
	for _, v := range c.sums {
		total += v
	}
	b.say("%s: %.0f ms CPU of the backend", title, total)
	for _, name := range c.order {
		b.say("    %-14s %8.1f ms CPU  %8.1f ms wall", name, c.sums[name], float64(c.wall[name].Microseconds())/1000)
	}
}

func (b *bed) clocked(ctx context.Context) (*storage.DB, *cpuClock, error) {
	db, err := storage.Open(ctx, b.stack.DatabaseURL(database), storage.Options{MaxConns: 1})
	if err != nil {
		return nil, nil, err
	}
	c := &cpuClock{sums: map[string]float64{}, wall: map[string]time.Duration{}}
	err = db.Pool().GetContext(ctx, &c.pid, `SELECT pg_backend_pid()`)
	return db, c, err
}

func (b *bed) backend(ctx context.Context, db *storage.DB, c *cpuClock) error {
	return db.Pool().GetContext(ctx, &c.pid, `SELECT pg_backend_pid()`)
}

// measureXLimit: CPU of the limit.
func measureXLimit(ctx context.Context, b *bed) error {
	template, err := b.offered(ctx, b.SIMs)
	if err != nil {
		return err
	}
	look, err := b.fresh(ctx, template)
	if err != nil {
		return err
	}
	defer look.Close()
	session, err := b.session(ctx)
	if err != nil {
		return err
	}
	defer session.Close()
	session.SetMaxOpenConns(1)
	request, err := offeredRequest(ctx, look)
	if err != nil {
		return err
	}
	if err := b.settle(ctx, look); err != nil {
		return err
	}
	c := &cpuClock{sums: map[string]float64{}, wall: map[string]time.Duration{}}
	if err := session.GetContext(ctx, &c.pid, `SELECT pg_backend_pid()`); err != nil {
		return err
	}
	tx, err := session.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	for i, q := range limitStatements() {
		if err := c.do(fmt.Sprint(i, strings.Join(strings.Fields(q)[:3], " ")), func() error {
			_, err := tx.ExecContext(ctx, q, request)
			return err
		}); err != nil {
			return err
		}
	}
	if err := c.do("commit", tx.Commit); err != nil {
		return err
	}
	c.print(b, "limit")
	return verify(ctx, look, expected{moved: b.SIMs, whole: true})
}

func measureXExecute(ctx context.Context, b *bed) error {
	template, err := b.offered(ctx, b.SIMs)
	if err != nil {
		return err
	}
	look, err := b.fresh(ctx, template)
	if err != nil {
		return err
	}
	defer look.Close()
	db, c, err := b.clocked(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	request, err := offeredRequest(ctx, look)
	if err != nil {
		return err
	}
	if err := b.settle(ctx, look); err != nil {
		return err
	}
	if err := c.do("accept", func() error {
		return db.InTx(ctx, func(t *storage.Tx) error {
			_, err := t.Decide(ctx, request, storage.Decision{Event: transfer.Accept, By: storage.Actor{Party: transfer.PartyDestination}})
			return err
		})
	}); err != nil {
		return err
	}
	stop := xperf(c.pid, "exec")
	if err := b.drainExecute(ctx, look, db, c, request); err != nil {
		return err
	}
	stop()
	c.print(b, "execute")
	return verify(ctx, look, expected{moved: b.SIMs, whole: true})
}

func (b *bed) drainExecute(ctx context.Context, look, db *storage.DB, c *cpuClock, request uuid.UUID) error {
	var ids []int64
	if err := look.Pool().SelectContext(ctx, &ids, `SELECT id FROM work WHERE request = $1 ORDER BY id`, request); err != nil {
		return err
	}
	for _, id := range ids {
		var w storage.Work
		var counts storage.Counts
		in := time.Now()
		before := c.now()
		if err := db.InTx(ctx, func(t *storage.Tx) error {
			err := c.do("lock work", func() (err error) { w, err = t.LockWork(ctx, id); return err })
			err = errors.Join(err, c.do("lock sims", func() error { return t.LockSIMs(ctx, w, nil) }))
			err = errors.Join(err, c.do("hand over", func() (err error) { counts, err = t.HandOver(ctx, w); return err }))
			err = errors.Join(err, c.do("close", func() error { return t.CloseChunk(ctx, w, counts) }))
			return err
		}); err != nil {
			return err
		}
		_ = in
		inner := 0.0
		for _, n := range []string{"lock work", "lock sims", "hand over", "close"} {
			inner += c.sums[n]
		}
		_ = before
	}
	return nil
}

func measureXValidate(ctx context.Context, b *bed) error {
	template, err := b.inventory(ctx, b.SIMs)
	if err != nil {
		return err
	}
	look, err := b.fresh(ctx, template)
	if err != nil {
		return err
	}
	defer look.Close()
	db, c, err := b.clocked(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := b.settle(ctx, look); err != nil {
		return err
	}
	var request uuid.UUID
	if err := c.do("create", func() error {
		return db.InTx(ctx, func(t *storage.Tx) (err error) {
			id, err := t.CreateBatch(ctx, source, b.SIMs)
			if err != nil {
				return err
			}
			request, err = t.CreateRequest(ctx, storage.NewRequest{
				Source: source, Destination: destination, Batch: &id, Acceptance: time.Hour, Review: time.Hour,
				By: storage.Actor{Party: transfer.PartySource}, Size: b.SIMs,
				SIMs: func(yield func(int, string) bool) {
					for i := range b.SIMs {
						if !yield(i+1, identifier(i)) {
							return
						}
					}
				},
			})
			return err
		})
	}); err != nil {
		return err
	}
	stop := xperf(c.pid, "valid")
	defer stop()
	var ids []int64
	if err := look.Pool().SelectContext(ctx, &ids, `SELECT id FROM work WHERE request = $1 ORDER BY id`, request); err != nil {
		return err
	}
	for _, id := range ids {
		var w storage.Work
		var counts storage.Counts
		if err := db.InTx(ctx, func(t *storage.Tx) error {
			err := c.do("lock work", func() (err error) { w, err = t.LockWork(ctx, id); return err })
			err = errors.Join(err, c.do("claim", func() error { return t.Claim(ctx, w) }))
			err = errors.Join(err, c.do("judge", func() (err error) { counts, err = t.Judge(ctx, w); return err }))
			err = errors.Join(err, c.do("close", func() error { return t.CloseValidation(ctx, w, counts) }))
			return err
		}); err != nil {
			return err
		}
	}
	c.print(b, "create and validate")
	return check(ctx, look)
}

func xperf(pid int, name string) func() {
	if os.Getenv("XPERF") == "" {
		return func() {}
	}
	cmd := exec.Command("perf", "record", "-e", "cpu-clock", "-F", "2000", "-g", "-p", fmt.Sprint(pid), "-o", "/tmp/perf."+name)
	_ = cmd.Start()
	time.Sleep(300 * time.Millisecond)
	return func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() }
}
