// Bench measures simtransfer against what PostgreSQL can do at best, and
// against the same work done by one task or job per SIM. Everything runs on
// private, durable servers on this machine, and the service as the processes
// that run in production.
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

// options are what the command line says.
type options struct {
	SIMs    int      // in a batch; the inventory of growth is 50 times as large
	Only    []string // measurements by name; empty means those that are not slow
	Rounds  int      // of every measurement; zero means as many as each calls for
	Program string   // the simtransfer binary
	Docs    string   // folder to write the page to; empty writes none
	Explain bool     // say which statements took the database's time

	Settings map[string]string // of PostgreSQL, in addition to the usual ones, to measure their effect
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
	b, err := newBed(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	m, err := b.describeMachine(ctx)
	if err != nil {
		return err
	}
	if err := b.measureAll(ctx); err != nil {
		return err
	}
	r := newReport(o.SIMs, m, b.samples)
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
	flags.IntVar(&o.SIMs, "sims", 100000, "SIMs in a batch")
	only := flags.String("only", "", "measurements, by name and separated by commas: "+strings.Join(names(), ", "))
	flags.IntVar(&o.Rounds, "rounds", 0, "rounds of every measurement, in place of its own number")
	flags.StringVar(&o.Program, "program", "../bin/simtransfer", "the simtransfer binary")
	flags.StringVar(&o.Docs, "docs", "", "folder to write benchmarks.md, .svg and .json to")
	flags.BoolVar(&o.Explain, "explain", false, "print the statements that took the most time")
	flags.Func("set", "a setting of PostgreSQL, such as full_page_writes=off; may be repeated, and goes with no -docs", func(text string) error {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return errors.New("it has to be name=value")
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
			return o, fmt.Errorf("there is no measurement %q: choose from %s", name, strings.Join(names(), ", "))
		}
	}
	if o.Docs != "" && len(o.Settings) > 0 {
		return o, errors.New("-docs is for figures taken with the usual settings: leave out -set")
	}
	if o.SIMs < 1000 || o.SIMs > 1000000 {
		return o, errors.New("-sims has to be from 1000 to 1000000")
	}
	return o, nil
}

// measurement is one thing to measure.
type measurement struct {
	name   string
	rounds int  // how often, alternating with the others
	slow   bool // only when it is asked for by name
	run    func(context.Context, *bed) error
}

// measurements lists everything, in the order of a round.
func measurements() []measurement {
	return []measurement{
		{name: "limit", rounds: 5, run: measureLimit},
		{name: "simtransfer", rounds: 5, run: measureOffline},
		{name: "online", rounds: 5, run: measureOnline},
		{name: "life", rounds: 5, run: measureLife},
		{name: "asynq", rounds: 3, run: measureAsynq},
		{name: "river", rounds: 3, run: measureRiver},
		{name: "latency", rounds: 1, run: measureLatency},
		{name: "api", rounds: 3, run: measureAPI},
		{name: "growth", rounds: 1, slow: true, run: measureGrowth},
		{name: "million", rounds: 1, slow: true, run: measureMillion},
		{name: "vacuum", rounds: 1, slow: true, run: measureVacuum},
	}
}

func names() []string {
	var list []string
	for _, m := range measurements() {
		list = append(list, m.name)
	}
	return list
}

// measureAll takes the chosen measurements in turns, so that what disturbs the
// machine for a while disturbs them all.
func (b *bed) measureAll(ctx context.Context) error {
	for round := 1; ; round++ {
		left := false
		for _, m := range measurements() {
			rounds := m.rounds
			if b.Rounds > 0 && rounds > 1 {
				rounds = b.Rounds
			}
			chosen := slices.Contains(b.Only, m.name) || len(b.Only) == 0 && !m.slow
			if !chosen || round > rounds {
				continue
			}
			left = true
			b.say("%s, round %d of %d", m.name, round, rounds)
			if err := m.run(ctx, b); err != nil {
				return fmt.Errorf("measuring %s: %w", m.name, err)
			}
		}
		if !left {
			return nil
		}
	}
}
