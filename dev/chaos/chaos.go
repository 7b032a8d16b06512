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

// Options configure Run.
type Options struct {
	Duration time.Duration // how long faults are injected
	Seed     uint64        // seed of all random choices; concurrency can still change the run
	SIMs     int           // number of SIMs in the inventory; zero means DefaultSIMs
	Clients  int           // number of concurrent clients of the API; zero means DefaultClients
	Dir      string        // folder for data and logs, which are kept; empty means a temporary one
	Program  string        // path of the simtransfer binary; empty means this program
	Env      []string      // for its processes
	Out      io.Writer     // for the seed, every fault with its time, and the result
	Lines    int           // how many losses to print, and how many duplicates and violations; zero means 50

	// Sabotage, if set, is called before the clients start, so that a test can make the
	// service lose something.
	Sabotage func(context.Context, *stack.Stack) error

	// Tamper, if set, is called after the faults and before the verification, so
	// that a test can check that the verification finds what it changes.
	Tamper func(context.Context, *stack.Stack) error
}

// Result is the result of a chaos run.
type Result struct {
	Faults     int
	Transfers  int // number of SIMs in all accepted requests
	Messages   int // number of webhook messages that receivers have taken
	Mails      int // number of mails that were made
	Lost       int // things that the API accepted and that are missing
	Duplicated int // things that exist although they were not requested, or twice
	Violations int // broken invariants, and contradictions to the answers of the API
}

// String returns the last line of the output of a run.
func (r Result) String() string {
	return fmt.Sprintf("chaos: %d faults, %d transfers, %d webhook messages, %d mails, %d lost, %d duplicated, %d violations",
		r.Faults, r.Transfers, r.Messages, r.Mails, r.Lost, r.Duplicated, r.Violations)
}

// OK reports whether the verification found nothing.
func (r Result) OK() bool { return r.Lost == 0 && r.Duplicated == 0 && r.Violations == 0 }

// Run runs the whole service on private servers with many clients, and injects
// random faults: it kills, suspends and restarts processes and servers, deletes
// data of Redis, and lets writes, gateways, receivers of webhooks and the mail server
// fail. Then it waits until all work is done, and compares every SIM, request, decision,
// fee and event with what the clients know from the answers of the API, and every
// webhook message and mail that has arrived with the events.
func Run(ctx context.Context, o Options) (_ Result, err error) {
	c, err := newChaos(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	supervised, endSupervision := context.WithCancel(ctx)
	g, supervised := errgroup.WithContext(supervised)
	g.Go(func() error { return c.supervisor.run(supervised) })
	result, err := c.run(ctx)
	endSupervision()
	return result, errors.Join(err, g.Wait())
}

// chaos is a chaos run.
type chaos struct {
	Options
	stack      *stack.Stack
	supervisor *supervisor
	devices    *devices
	messaging  *messaging
	oracle     *oracle
	clients    []*caller
	accounts   []sample.Account
	redis      *redis.Client
	enqueuer   *asynq.Client
	began      time.Time

	sayMu      sync.Mutex
	faults     int                    // number of faults so far
	dispatched []storage.Task         // some of the tasks that were dispatched, to enqueue them again
	snapshot   *servers.RedisSnapshot // the last one; nil means none
	requeued   int                    // number of tasks that were enqueued again
	spans      []span                 // when faults were in what workers need
}

func newRand(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// Streams of the random number generator: each goroutine has its own.
const (
	streamFaults = iota
	streamDevices
	streamClients // and the numbers after it, one for each client
)

func newChaos(ctx context.Context, o Options) (_ *chaos, err error) {
	o.SIMs = cmp.Or(o.SIMs, DefaultSIMs)
	o.Clients = cmp.Or(o.Clients, DefaultClients)
	c := &chaos{Options: o, accounts: sample.Accounts()}
	fmt.Fprintf(o.Out, "seed %d\n", o.Seed)
	if c.messaging, err = newMessaging(ctx); err != nil {
		return nil, err
	}
	c.stack, err = stack.Start(ctx, stack.Options{
		Servers: servers.Options{Durable: true, Dir: o.Dir, PostgresSettings: map[string]string{"shared_buffers": "128MB"}},
		Program: o.Program,
		Env: append(append([]string{
			"SIMTRANSFER_DROP_ATTEMPTS=4", "SIMTRANSFER_DROP_BACKOFF=1s", "SIMTRANSFER_DROP_TIMEOUT=1s",
			"SIMTRANSFER_RATE_LIMIT=1000", // the verification makes many calls
			"SIMTRANSFER_ALLOW_ACCEPT_ON_BEHALF=true",
		}, c.messaging.env()...), o.Env...),
	})
	if err != nil {
		return nil, errors.Join(err, c.messaging.close())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	if _, err = c.stack.DB.Pool().ExecContext(ctx, errorsSQL); err != nil {
		return nil, fmt.Errorf("installing the triggers that make writes fail: %w", err)
	}
	options, err := redis.ParseURL(c.stack.RedisURL(0))
	if err != nil {
		return nil, err
	}
	c.redis = redis.NewClient(options)
	c.enqueuer = asynq.NewClientFromRedisClient(c.redis)
	var hints []simHint
	if c.devices, hints, err = newDevices(ctx, c.stack, o.SIMs, newRand(o.Seed, streamDevices)); err != nil {
		return nil, err
	}
	c.oracle = newOracle(hints)
	var urls []string
	if c.supervisor, urls, err = newSupervisor(ctx, c.stack); err != nil {
		return nil, err
	}
	var keys []string
	for _, a := range c.devices.Accounts {
		keys = append(keys, a.Key)
	}
	// Who makes a request on behalf of an account may not approve it, and who has done
	// either may not accept it on behalf of the destination.
	onBehalf, err := c.stack.EnsureKey(ctx, storage.NewKey{Role: storage.RoleSupport, Name: "support, on behalf"})
	if err != nil {
		return nil, err
	}
	acceptor, err := c.stack.EnsureKey(ctx, storage.NewKey{Role: storage.RoleSupport, Name: "support, accepting on behalf"})
	if err != nil {
		return nil, err
	}
	for i := range o.Clients {
		c.clients = append(c.clients, &caller{
			number: i, seed: o.Seed, rand: newRand(o.Seed, streamClients+uint64(i)),
			urls: urls, keys: keys, support: c.devices.Support.Key, onBehalf: onBehalf, acceptor: acceptor, oracle: c.oracle, accounts: c.accounts,
			http: &http.Client{},
		})
	}
	if err := c.subscribe(ctx); err != nil {
		return nil, err
	}
	if c.Sabotage != nil {
		return c, c.Sabotage(ctx, c.stack)
	}
	return c, nil
}

func (c *chaos) close() error {
	var errs []error
	if c.redis != nil {
		errs = append(errs, c.redis.Close())
	}
	if c.devices != nil {
		errs = append(errs, c.devices.Close())
	}
	c.stack.DB.Pool().SetMaxIdleConns(0) // Stop would report errors of connections to a killed server
	return errors.Join(append(errs, c.stack.Stop(), c.messaging.close())...)
}

// say prints a line with the time since the start of the run.
func (c *chaos) say(format string, args ...any) {
	c.sayMu.Lock()
	defer c.sayMu.Unlock()
	fmt.Fprintf(c.Out, "%7.1fs  %s\n", time.Since(c.began).Seconds(), fmt.Sprintf(format, args...))
}

// drainTimeout is how long the clients wait for answers to their calls after the
// faults are over.
const drainTimeout = 90 * time.Second

func (c *chaos) run(ctx context.Context) (Result, error) {
	c.began = time.Now()
	loadOver := make(chan struct{})
	var load errgroup.Group
	clientsCtx, stopClients := context.WithCancel(ctx)
	defer stopClients()
	for _, client := range c.clients {
		load.Go(func() error {
			client.run(clientsCtx, loadOver)
			return nil
		})
	}
	load.Go(func() error { return c.devices.run(clientsCtx, c.SIMs, loadOver) })

	err := c.inject(ctx, newRand(c.Seed, streamFaults), time.After(c.Duration))
	if err == nil {
		err = c.startAll(ctx)
	}
	close(loadOver)
	timer := time.AfterFunc(drainTimeout, stopClients)
	defer timer.Stop()
	if err := errors.Join(err, load.Wait()); err != nil {
		return Result{}, err
	}
	return c.finishWork(ctx)
}

// startAll starts the processes that are not running.
func (c *chaos) startAll(ctx context.Context) error {
	c.say("the faults are over")
	for _, p := range c.supervisor.processes {
		if err := c.supervisor.start(p); err != nil {
			return err
		}
	}
	for i, url := range c.clients[0].urls {
		if err := c.stack.AwaitAPI(ctx, c.supervisor.apis()[i].current, url); err != nil {
			return err
		}
	}
	return nil
}

// finishWork makes decisions on the open requests, waits until all work is done,
// and verifies the result.
func (c *chaos) finishWork(ctx context.Context) (Result, error) {
	var g errgroup.Group
	left := c.oracle.unfinished()
	c.say("all calls are answered; %d requests are still open", len(left))
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
	retried := 0
	for range 3 {
		c.awaitIdle(ctx)
		n, err := c.stack.DB.RetryWork(ctx, storage.System(), nil)
		if err != nil {
			return Result{}, err
		}
		if n == 0 {
			break
		}
		retried += n
	}
	if c.Tamper != nil {
		if err := c.Tamper(ctx, c.stack); err != nil {
			return Result{}, err
		}
	}
	return c.verify(ctx, retried)
}

// idleTimeout is how long all work may take after the faults are over.
const idleTimeout = 2 * time.Minute

// awaitIdle waits until every request is finished or waits for a person, and all
// work is done or dead. After idleTimeout it prints what is not; the verification
// then counts it as lost.
func (c *chaos) awaitIdle(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, idleTimeout)
	defer cancel()
	var unfinished []string
	hurried := time.Time{}
	for {
		if time.Since(hurried) > 200*time.Millisecond {
			c.hurry(limited)
			hurried = time.Now()
		}
		unfinished = nil
		if err := c.stack.DB.Pool().SelectContext(limited, &unfinished, `
			SELECT format('request %s is %s, %s left, expires at %s', id, state, n_left, expires_at)
			FROM requests
			WHERE finished_at IS NULL
			  AND NOT (state IN ('in_review', 'awaiting_acceptance') AND expires_at > clock_timestamp() + interval '1 minute')
			UNION ALL
			SELECT format('work %s (%s of %s): n %s, queue %s, not before %s, dispatched %s (%s), looked at %s, leased until %s, attempts %s, errors %s, crashes %s: %s',
				id, kind, request, n, queue, not_before, dispatched_at, gen, checked_at, lease_until, attempts, errors, crashes, error)
			FROM work
			WHERE dead_at IS NULL
			UNION ALL`+unsentSQL); err != nil {
			unfinished = append(unfinished, "the database does not answer: "+err.Error())
		} else if len(unfinished) == 0 {
			return
		}
		if pollPause(limited) != nil {
			break
		}
	}
	c.say("not finished after %s:\n  %s", idleTimeout, strings.Join(unfinished, "\n  "))
}

// verify compares the service with the oracle and prints the result.
func (c *chaos) verify(ctx context.Context, retried int) (Result, error) {
	c.say("all work is done; verifying")
	data, err := c.observe(ctx, c.clients[0])
	if err != nil {
		return Result{}, err
	}
	v := &verifier{oracle: c.oracle, accounts: c.accounts}
	v.compare(data)
	told, err := c.observeMessages(ctx, c.clients[0])
	if err != nil {
		return Result{}, err
	}
	if err := v.messages(told, c.messaging, c.spans); err != nil {
		return Result{}, err
	}
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
			v.add(&v.violations, "check %d, %s%s", f.Number, f.Invariant, example)
		}
	}
	panics, err := c.supervisor.panics()
	if err != nil {
		return Result{}, err
	}
	for _, line := range panics {
		v.add(&v.violations, "a process panicked: %s", line)
	}
	result := Result{Faults: c.faults, Mails: len(told.mails), Lost: len(v.lost), Duplicated: len(v.duplicated), Violations: len(v.violations)}
	for _, r := range data.requests {
		result.Transfers += len(r.transfers)
	}
	result.Messages, _ = c.messaging.hooks.count()
	c.printSummary(data, v, retried)
	c.printMessages()
	fmt.Fprintln(c.Out, result)
	return result, nil
}

// printSummary prints what happened and what is wrong.
func (c *chaos) printSummary(data *observed, v *verifier, retried int) {
	states, outcomes, reasons := map[transfer.RequestState]int{}, map[transfer.State]int{}, map[transfer.Reason]int{}
	decisions, onBehalf := map[transfer.Event]int{}, 0
	for _, r := range c.oracle.requests {
		for _, d := range r.decisions {
			if d.certain {
				decisions[d.kind]++
			}
		}
	}
	for _, r := range data.requests {
		states[r.State]++
		if r.AcceptedOnBehalf != nil {
			onBehalf++
		}
		for _, t := range r.transfers {
			outcomes[t.State]++
			if t.Reason != "" {
				reasons[t.Reason]++
			}
		}
	}
	charges := 0
	for _, s := range data.charges {
		charges += s.Count
	}
	fmt.Fprintf(c.Out, "requests: %v, %d of them accepted on behalf of the destination\ndecisions: %v\ntransfers: %v\nreasons: %v\n", states, onBehalf, decisions, outcomes, reasons)
	fmt.Fprintf(c.Out, "%d SIMs, %d charges, %d sessions, %d status changes; %d calls retried, %d answered with 500; %d processes ended by themselves; %d dead work items retried\n",
		len(data.sims), charges, len(data.sessions), c.devices.changes, c.oracle.retries, len(c.oracle.internal), c.supervisor.exits, retried)
	for _, list := range []struct {
		name  string
		lines []string
	}{{"answered with 500", c.oracle.internal}, {"lost", v.lost}, {"duplicated", v.duplicated}, {"violation", v.violations}} {
		limit := cmp.Or(c.Lines, 50)
		for i, line := range list.lines {
			if i == limit {
				fmt.Fprintf(c.Out, "%s: and %d more\n", list.name, len(list.lines)-limit)
				break
			}
			fmt.Fprintf(c.Out, "%s: %s\n", list.name, line)
		}
	}
}

// printMessages prints how often messages and mails arrived more than once.
func (c *chaos) printMessages() {
	messages, repeated := c.messaging.hooks.count()
	mails, twice, unanswered := c.messaging.mail.count()
	fmt.Fprintf(c.Out, "%d webhook messages to %d endpoints, %d of them more than once; %d mails, %d of them more than once, %d without an answer\n",
		messages, len(c.messaging.hooks.list), repeated, mails, twice, unanswered)
}
