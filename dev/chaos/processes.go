package chaos

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"simtransfer/dev/stack"
)

// cast is the processes of a stack under chaos. Each has a name that stays when
// it is killed and started again; one that ends by itself is started again, as
// a service manager does.
type cast struct {
	stack *stack.Stack

	mu    sync.Mutex // over the stack's list of processes, too
	roles []*role
	logs  map[string]bool // of every process there was
	died  int             // by themselves
}

// role is what one process plays.
type role struct {
	name, kind string
	env        []string
	program    *stack.Process
	wanted     bool // it ought to be running
}

// newCast takes over the processes of a stack and starts others: two APIs,
// three workers and two schedulers in all.
func newCast(ctx context.Context, s *stack.Stack) (*cast, []string, error) {
	c := &cast{stack: s, logs: map[string]bool{}}
	for _, p := range s.Processes() {
		c.add(&role{name: p.Name + "-1", kind: p.Name, program: p, env: []string{"SIMTRANSFER_LISTEN=" + strings.TrimPrefix(s.Admin.URL, "http://")}})
	}
	p, second, err := s.StartAPI(ctx)
	if err != nil {
		return nil, nil, err
	}
	c.add(&role{name: "api-2", kind: "api", program: p, env: []string{"SIMTRANSFER_LISTEN=" + strings.TrimPrefix(second.URL, "http://")}})
	for _, name := range []string{"worker-2", "worker-3", "scheduler-2"} {
		r := &role{name: name, kind: strings.TrimRight(name, "-0123456789")}
		if r.program, err = s.StartProcess(r.kind); err != nil {
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
func (c *cast) signal(r *role, send func(pids ...int) error) error {
	c.mu.Lock()
	p := r.program
	c.mu.Unlock()
	if !p.Running() {
		return nil
	}
	return send(p.Pid)
}

// start has a process running from now on.
func (c *cast) start(r *role) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.wanted = true
	if r.program.Running() {
		return nil
	}
	p, err := c.stack.StartProcess(r.kind, r.env...)
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
			ended := r.wanted && !r.program.Running()
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
