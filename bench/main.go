// Bench compares the performance of simtransfer with the same changes in plain SQL,
// and with the same work done by one task or job per SIM. Everything runs on
// private, durable servers on this machine, and the service as the same processes
// as in production.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// options are the settings of the command line.
type options struct {
	SIMs    int      // number of SIMs in a batch; the inventory of growth has 50 times as many
	Only    []string // names of measurements; empty means all that are not slow
	Rounds  int      // rounds of every measurement; zero means its own number
	Program string   // path of the simtransfer binary
	Docs    string   // folder to write the page to; empty means none
	Explain bool     // print the statements that took the most time

	Settings map[string]string // extra settings of PostgreSQL, to measure their effect
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

func run(ctx context.Context, args []string) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	h, err := newHarness(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	m, err := h.describeMachine(ctx)
	if err != nil {
		return err
	}
	if err := h.measureAll(ctx); err != nil {
		return err
	}
	r := newReport(o.SIMs, m, h.samples)
	if o.Docs != "" {
		if err := writePage(o.Docs, r); err != nil {
			return err
		}
	}
	return r.print(os.Stdout)
}

func parse(args []string) (options, error) {
	o := options{Settings: map[string]string{}}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.SIMs, "sims", 100000, "number of SIMs in a batch")
	only := flags.String("only", "", "measurements to run, separated by commas: "+strings.Join(names(), ", "))
	flags.IntVar(&o.Rounds, "rounds", 0, "rounds of every measurement (default: depends on the measurement)")
	flags.StringVar(&o.Program, "program", "../bin/simtransfer", "path of the simtransfer binary")
	flags.StringVar(&o.Docs, "docs", "", "folder to write benchmarks.md, benchmarks.svg and benchmarks.json to")
	flags.BoolVar(&o.Explain, "explain", false, "print the statements that took the most time")
	flags.Func("set", "extra setting of PostgreSQL, such as full_page_writes=off; can be repeated; not allowed with -docs", func(text string) error {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return errors.New("must have the form name=value")
		}
		o.Settings[name] = value
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if *only != "" {
		o.Only = strings.Split(*only, ",")
	}
	for _, name := range o.Only {
		if !slices.Contains(names(), name) {
			return o, fmt.Errorf("unknown measurement %q: must be one of %s", name, strings.Join(names(), ", "))
		}
	}
	if o.Docs != "" && len(o.Settings) > 0 {
		return o, errors.New("-docs cannot be combined with -set: the page is for figures with the usual settings")
	}
	if o.SIMs < 1000 || o.SIMs > 1000000 {
		return o, errors.New("-sims must be between 1000 and 1000000")
	}
	return o, nil
}

// measurement is one of the benchmarks.
type measurement struct {
	name   string
	rounds int  // how often it runs, alternating with the others
	slow   bool // it runs only if it is named by -only
	run    func(context.Context, *harness) error
}

// measurements returns all benchmarks, in the order of a round.
func measurements() []measurement {
	return []measurement{
		{name: "baseline", rounds: 5, run: measureBaseline},
		{name: "simtransfer", rounds: 5, run: measureOffline},
		{name: "online", rounds: 5, run: measureOnline},
		{name: "online_stale", rounds: 5, run: measureOnlineStale},
		{name: "gateways", rounds: 5, run: measureGateways},
		{name: "end_to_end", rounds: 5, run: measureEndToEnd},
		{name: "asynq", rounds: 3, run: measureAsynq},
		{name: "river", rounds: 3, run: measureRiver},
		{name: "latency", rounds: 1, run: measureLatency},
		{name: "api", rounds: 3, run: measureAPI},
		{name: "changes", rounds: 3, run: measureChanges},
		{name: "sync", rounds: 3, run: measureSync},
		{name: "webhooks", rounds: 3, run: measureWebhooks},
		{name: "messages", rounds: 5, run: measureMessages},
		{name: "accounting", rounds: 3, run: measureAccounting},
		{name: "console", rounds: 1, slow: true, run: measureConsole},
		{name: "growth", rounds: 1, slow: true, run: measureGrowth},
		{name: "million", rounds: 1, slow: true, run: measureMillion},
		{name: "vacuum", rounds: 1, slow: true, run: measureVacuum},
		{name: "bytes", rounds: 1, slow: true, run: measureBytes},
	}
}

func names() []string {
	var list []string
	for _, m := range measurements() {
		list = append(list, m.name)
	}
	return list
}

// measureAll runs the selected measurements alternately, so that a temporary
// disturbance of the machine affects all of them.
func (h *harness) measureAll(ctx context.Context) error {
	for round := 1; ; round++ {
		left := false
		for _, m := range measurements() {
			rounds := m.rounds
			if h.Rounds > 0 && rounds > 1 {
				rounds = h.Rounds
			}
			chosen := slices.Contains(h.Only, m.name) || len(h.Only) == 0 && !m.slow
			if !chosen || round > rounds {
				continue
			}
			left = true
			h.logf("%s, round %d of %d", m.name, round, rounds)
			if err := m.run(ctx, h); err != nil {
				return fmt.Errorf("measuring %s: %w", m.name, err)
			}
		}
		if !left {
			return nil
		}
	}
}
