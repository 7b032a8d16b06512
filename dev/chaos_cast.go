package dev

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"simtransfer/cli"
)

// cast is the processes of a stack under chaos. Each has a name that stays when
// it is killed and started again; one that ends by itself is started again, as
// a service manager does.
type cast struct {
	stack *Stack

	mu    sync.Mutex // over the stack's list of processes, too
	roles []*role
	logs  map[string]bool // of every process there was
	died  int             // by themselves
}

// role is what one process plays.
type role struct {
	name, kind string
	env        []string
	program    *Program
	wanted     bool // it ought to be running
}

// StartAPI starts one more API on a port of its own and returns when it answers.
func (s *Stack) StartAPI(ctx context.Context, env ...string) (*Program, *cli.Client, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, nil, err
	}
	p, err := s.StartProgram("api", append(env, "SIMTRANSFER_LISTEN="+address(port))...)
	if err != nil {
		return nil, nil, err
	}
	client := &cli.Client{URL: "http://" + address(port), Key: s.Admin.Key}
	return p, client, s.AwaitAPI(ctx, p, client.URL)
}

// AwaitAPI waits until an API that was started, or started again, answers.
func (s *Stack) AwaitAPI(ctx context.Context, p *Program, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	client := &cli.Client{URL: url, Key: s.Admin.Key, HTTP: &http.Client{Timeout: 5 * time.Second}}
	if err := p.await(ctx, func(ctx context.Context) error {
		return client.Call(ctx, http.MethodGet, "/healthz", nil, nil)
	}); err != nil {
		return fmt.Errorf("starting the API: %w", err)
	}
	return nil
}

// newCast takes over the processes of a stack and starts others: two APIs,
// three workers and two schedulers in all.
func newCast(ctx context.Context, s *Stack) (*cast, []string, error) {
	c := &cast{stack: s, logs: map[string]bool{}}
	for _, p := range s.Programs() {
		c.add(&role{name: p.Name + "-1", kind: p.Name, program: p, env: []string{"SIMTRANSFER_LISTEN=" + strings.TrimPrefix(s.Admin.URL, "http://")}})
	}
	p, second, err := s.StartAPI(ctx)
	if err != nil {
		return nil, nil, err
	}
	c.add(&role{name: "api-2", kind: "api", program: p, env: []string{"SIMTRANSFER_LISTEN=" + strings.TrimPrefix(second.URL, "http://")}})
	for _, name := range []string{"worker-2", "worker-3", "scheduler-2"} {
		r := &role{name: name, kind: strings.TrimRight(name, "-0123456789")}
		if r.program, err = s.StartProgram(r.kind); err != nil {
			return nil, nil, err
		}
		c.add(r)
	}
	return c, []string{s.Admin.URL, second.URL}, nil
}

func (c *cast) add(r *role) {
	r.wanted = true
	c.roles = append(c.roles, r)
	c.logs[r.program.Log()] = true
}

// kill ends a process by SIGKILL and does not have it started again.
func (c *cast) kill(r *role) error {
	c.mu.Lock()
	r.wanted = false
	p := r.program
	c.mu.Unlock()
	return p.Kill()
}

// shutdown ends a process in good order and does not have it started again.
func (c *cast) shutdown(r *role) error {
	c.mu.Lock()
	r.wanted = false
	p := r.program
	c.mu.Unlock()
	return p.Shutdown()
}

// signal sends a signal to a process, if it is running.
func (c *cast) signal(r *role, s syscall.Signal) error {
	c.mu.Lock()
	p := r.program
	c.mu.Unlock()
	if err := p.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("sending %s to %s: %w", s, r.name, err)
	}
	return nil
}

// start has a process running from now on.
func (c *cast) start(r *role) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.wanted = true
	if r.program.running() {
		return nil
	}
	p, err := c.stack.StartProgram(r.kind, r.env...)
	if err != nil {
		return err
	}
	r.program = p
	c.logs[p.Log()] = true
	return nil
}

// supervise starts again what has ended by itself: without the database no
// process gets beyond its start.
func (c *cast) supervise(ctx context.Context) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, r := range c.roles {
			c.mu.Lock()
			ended := r.wanted && !r.program.running()
			if ended {
				c.died++
			}
			c.mu.Unlock()
			if ended {
				if err := c.start(r); err != nil {
					return err
				}
			}
		}
	}
}

// panics returns the lines of the processes' logs that tell of a bug in the
// program itself.
func (c *cast) panics() ([]string, error) {
	var found []string
	for name := range c.logs {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("reading a log: %w", err)
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if line := lines.Text(); strings.Contains(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") || strings.Contains(line, "WARNING: DATA RACE") {
				found = append(found, line)
			}
		}
		_ = f.Close()
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
	}
	return found, nil
}
