// Package chaos runs the whole service, injects faults at random while clients use
// it, and verifies afterwards that nothing was lost or done twice.
package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"simtransfer/dev/sample"
	"simtransfer/dev/servers"
	"simtransfer/dev/stack"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// The defaults of Options.
const (
	DefaultSIMs    = 5000
	DefaultClients = 8
)

// Options say how to torture the service.
type Options struct {
	Duration time.Duration // of the faults
	Seed     uint64        // every choice follows from it, as far as what runs at once lets it
	SIMs     int           // of the inventory; zero means DefaultSIMs
	Clients  int           // of the API, at once; zero means DefaultClients
	Dir      string        // for data and logs, which stay; empty is temporary
	Program  string        // the simtransfer binary; empty means this program
	Env      []string      // for its processes
	Out      io.Writer     // for the seed, every fault with its time, and the result

	// Tamper, if it is set, changes something after the faults and before the
	// count, for a test of the count.
	Tamper func(context.Context, *stack.Stack) error
}

// Result is what a chaos run came to.
type Result struct {
	Faults     int
	Transfers  int // that were asked for and accepted
	Lost       int // that the API had promised and that are not there
	Doubled    int // that are there more often than they were asked for
	Violations int // of the invariants, and of what follows from the API's answers
}

// String is the last line of a run.
func (r Result) String() string {
	return fmt.Sprintf("chaos: %d faults, %d transfers, %d lost, %d doubled, %d violations", r.Faults, r.Transfers, r.Lost, r.Doubled, r.Violations)
}

// OK reports whether nothing went wrong.
func (r Result) OK() bool { return r.Lost == 0 && r.Doubled == 0 && r.Violations == 0 }

// Run runs the whole service on private servers, has many clients use it, and
// meanwhile kills, stops, floods and empties whatever there is, at random. When
// the faults are over it waits until all work is done, and counts: every SIM,
// request, decision, fee and event, by what the clients know on their own.
func Run(ctx context.Context, o Options) (_ Result, err error) {
	c, err := newChaos(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	supervised, endSupervision := context.WithCancel(ctx)
	g, supervised := errgroup.WithContext(supervised)
	g.Go(func() error { return c.cast.supervise(supervised) })
	result, err := c.run(ctx)
	endSupervision()
	return result, errors.Join(err, g.Wait())
}

// chaos is a run in progress.
type chaos struct {
	Options
	stack    *stack.Stack
	cast     *cast
	field    *field
	ledger   *ledger
	clients  []*client
	accounts []sample.Account
	redis    *redis.Client
	enqueuer *asynq.Client
	began    time.Time

	sayMu  sync.Mutex
	faults int
	past   []storage.Task // that were dispatched once
	copy   *servers.RedisSnapshot
	again  int
}

func newRand(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// Streams of the generator: each goroutine has its own.
const (
	streamFaults = iota
	streamField
	streamClients // and onwards
)

func newChaos(ctx context.Context, o Options) (_ *chaos, err error) {
	o.SIMs = cmp.Or(o.SIMs, DefaultSIMs)
	o.Clients = cmp.Or(o.Clients, DefaultClients)
	c := &chaos{Options: o, accounts: sample.Accounts()}
	fmt.Fprintf(o.Out, "seed %d\n", o.Seed)
	c.stack, err = stack.Start(ctx, stack.Options{
		Servers: servers.Options{Durable: true, Dir: o.Dir, PostgresSettings: map[string]string{"shared_buffers": "128MB"}},
		Program: o.Program,
		Env: append([]string{
			"SIMTRANSFER_DROP_ATTEMPTS=4", "SIMTRANSFER_DROP_BACKOFF=1s", "SIMTRANSFER_DROP_TIMEOUT=1s",
			"SIMTRANSFER_RATE_LIMIT=1000", // or counting would take longer than the faults
		}, o.Env...),
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	if _, err = c.stack.DB.Pool().ExecContext(ctx, errorsSQL); err != nil {
		return nil, fmt.Errorf("preparing failing writes: %w", err)
	}
	options, err := redis.ParseURL(c.stack.RedisURL(0))
	if err != nil {
		return nil, err
	}
	c.redis = redis.NewClient(options)
	c.enqueuer = asynq.NewClientFromRedisClient(c.redis)
	var hints []hint
	if c.field, hints, err = newField(ctx, c.stack, o.SIMs, newRand(o.Seed, streamField)); err != nil {
		return nil, err
	}
	c.ledger = newLedger(hints)
	var urls []string
	if c.cast, urls, err = newCast(ctx, c.stack); err != nil {
		return nil, err
	}
	var keys []string
	for _, a := range c.field.Accounts {
		keys = append(keys, a.Key)
	}
	for i := range o.Clients {
		c.clients = append(c.clients, &client{
			number: i, seed: o.Seed, rand: newRand(o.Seed, streamClients+uint64(i)),
			urls: urls, keys: keys, support: c.field.Support.Key, ledger: c.ledger, accounts: c.accounts,
			http: &http.Client{},
		})
	}
	return c, nil
}

func (c *chaos) close() error {
	var errs []error
	if c.redis != nil {
		errs = append(errs, c.redis.Close())
	}
	if c.field != nil {
		errs = append(errs, c.field.Close())
	}
	c.stack.DB.Pool().SetMaxIdleConns(0) // some may be to a server that is gone, which Stop would report
	return errors.Join(append(errs, c.stack.Stop())...)
}

// say prints a line with the time since the beginning.
func (c *chaos) say(format string, args ...any) {
	c.sayMu.Lock()
	defer c.sayMu.Unlock()
	fmt.Fprintf(c.Out, "%7.1fs  %s\n", time.Since(c.began).Seconds(), fmt.Sprintf(format, args...))
}

// drainPatience is how long the clients have for an answer to everything they
// asked, once the faults are over.
const drainPatience = 90 * time.Second

func (c *chaos) run(ctx context.Context) (Result, error) {
	c.began = time.Now()
	quiet := make(chan struct{})
	var load errgroup.Group
	clientsCtx, stopClients := context.WithCancel(ctx)
	defer stopClients()
	for _, client := range c.clients {
		load.Go(func() error {
			client.run(clientsCtx, quiet)
			return nil
		})
	}
	load.Go(func() error { return c.field.run(clientsCtx, c.SIMs, quiet) })

	err := c.inject(ctx, newRand(c.Seed, streamFaults), time.After(c.Duration))
	if err == nil {
		err = c.heal(ctx)
	}
	close(quiet)
	timer := time.AfterFunc(drainPatience, stopClients)
	defer timer.Stop()
	if err := errors.Join(err, load.Wait()); err != nil {
		return Result{}, err
	}
	return c.settle(ctx)
}

// heal ends what is left of the faults.
func (c *chaos) heal(ctx context.Context) error {
	c.say("the faults are over")
	for _, r := range c.cast.roles {
		if err := c.cast.start(r); err != nil {
			return err
		}
	}
	for i, url := range c.clients[0].urls {
		if err := c.stack.AwaitAPI(ctx, c.cast.roles[[]int{0, 3}[i]].program, url); err != nil {
			return err
		}
	}
	return nil
}

// settle decides on what is left, waits until all work is done, and counts.
func (c *chaos) settle(ctx context.Context) (Result, error) {
	var g errgroup.Group
	left := c.ledger.unfinished()
	c.say("every call is answered; %d requests are left to decide on", len(left))
	for i, client := range c.clients {
		g.Go(func() error {
			for n := i; n < len(left); n += len(c.clients) {
				client.decide(ctx, left[n])
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return Result{}, err
	}
	revived := 0
	for range 3 {
		c.awaitQuiescence(ctx)
		n, err := c.stack.DB.RetryWork(ctx, nil)
		if err != nil {
			return Result{}, err
		}
		if n == 0 {
			break
		}
		revived += n
	}
	if c.Tamper != nil {
		if err := c.Tamper(ctx, c.stack); err != nil {
			return Result{}, err
		}
	}
	return c.count(ctx, revived)
}

// settlePatience is how long all work may take once the faults are over.
const settlePatience = 2 * time.Minute

// awaitQuiescence waits until every request is finished or waits for a person,
// and no work is left but what is dead. What does not come to an end is named
// here and then counted as lost.
func (c *chaos) awaitQuiescence(ctx context.Context) {
	patient, cancel := context.WithTimeout(ctx, settlePatience)
	defer cancel()
	var moving []string
	for {
		moving = nil
		if err := c.stack.DB.Pool().SelectContext(patient, &moving, `
			SELECT format('request %s is %s, %s left, expires at %s', id, state, n_left, expires_at)
			FROM requests
			WHERE finished_at IS NULL
			  AND NOT (state IN ('in_review', 'awaiting_acceptance') AND expires_at > clock_timestamp() + interval '1 minute')
			UNION ALL
			SELECT format('work %s (%s of %s): n %s, queue %s, not before %s, dispatched %s (%s), looked at %s, leased until %s, attempts %s, errors %s, crashes %s: %s',
				id, kind, request, n, queue, not_before, dispatched_at, gen, checked_at, lease_until, attempts, errors, crashes, error)
			FROM work
			WHERE dead_at IS NULL`); err != nil {
			moving = append(moving, "the database does not answer: "+err.Error())
		} else if len(moving) == 0 {
			return
		}
		if rest(patient) != nil {
			break
		}
	}
	c.say("after %s not at rest:\n  %s", settlePatience, strings.Join(moving, "\n  "))
}

// count compares everything and prints the result.
func (c *chaos) count(ctx context.Context, revived int) (Result, error) {
	c.say("all work is done; counting")
	p, err := c.ask(ctx, c.clients[0])
	if err != nil {
		return Result{}, err
	}
	a := &audit{ledger: c.ledger, accounts: c.accounts}
	a.compare(p)
	findings, err := c.stack.DB.Check(ctx)
	if err != nil {
		return Result{}, err
	}
	for _, f := range findings {
		for i := range f.Violations {
			example := ""
			if i < len(f.Examples) {
				example = ": " + f.Examples[i]
			}
			a.add(&a.violations, "check %d, %s%s", f.Number, f.Invariant, example)
		}
	}
	panics, err := c.cast.panics()
	if err != nil {
		return Result{}, err
	}
	for _, line := range panics {
		a.add(&a.violations, "a process panicked: %s", line)
	}
	result := Result{Faults: c.faults, Lost: len(a.lost), Doubled: len(a.doubled), Violations: len(a.violations)}
	for _, r := range p.requests {
		result.Transfers += len(r.transfers)
	}
	c.print(p, a, revived)
	fmt.Fprintln(c.Out, result)
	return result, nil
}

// print tells what happened, and what is wrong.
func (c *chaos) print(p *platform, a *audit, revived int) {
	states, outcomes, reasons := map[transfer.RequestState]int{}, map[transfer.State]int{}, map[transfer.Reason]int{}
	for _, r := range p.requests {
		states[r.State]++
		for _, t := range r.transfers {
			outcomes[t.State]++
			if t.Reason != "" {
				reasons[t.Reason]++
			}
		}
	}
	charges := 0
	for _, s := range p.charges {
		charges += s.Count
	}
	fmt.Fprintf(c.Out, "requests: %v\ntransfers: %v\nreasons: %v\n", states, outcomes, reasons)
	fmt.Fprintf(c.Out, "%d SIMs, %d charges, %d sessions, %d changes of status; %d calls repeated, %d answered 500; %d processes ended by themselves; %d pieces of dead work retried\n",
		len(p.sims), charges, len(p.sessions), c.field.changes, c.ledger.retries, len(c.ledger.internal), c.cast.died, revived)
	for _, list := range []struct {
		name  string
		lines []string
	}{{"answered 500", c.ledger.internal}, {"lost", a.lost}, {"doubled", a.doubled}, {"violation", a.violations}} {
		const most = 20
		for i, line := range list.lines {
			if i == most {
				fmt.Fprintf(c.Out, "%s: and %d more\n", list.name, len(list.lines)-most)
				break
			}
			fmt.Fprintf(c.Out, "%s: %s\n", list.name, line)
		}
	}
}
