package chaos

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"simtransfer/dev/servers"
	"simtransfer/dev/stack"
)

// supervisor runs the processes of a stack under chaos. Like a service manager, it
// restarts a process that ends by itself.
type supervisor struct {
	stack *stack.Stack

	mu        sync.Mutex // also guards the stack's list of processes
	processes []*process
	logs      map[string]bool // paths of the logs of all processes so far
	exits     int             // number of processes that ended by themselves
}

// process keeps its name when it is killed and started again.
type process struct {
	name, kind string // such as "worker-2" and "worker"
	env        []string
	current    *stack.Process
	wanted     bool // whether it has to be running
}

// newSupervisor takes over the processes of a stack and starts more: there are two
// APIs, three workers and two schedulers. It returns the URLs of the APIs.
func newSupervisor(ctx context.Context, service *stack.Stack) (*supervisor, []string, error) {
	s := &supervisor{stack: service, logs: map[string]bool{}}
	for _, p := range service.Processes() {
		s.add(&process{name: p.Name + "-1", kind: p.Name, current: p, env: []string{"SIMTRANSFER_LISTEN=" + strings.TrimPrefix(service.Admin.URL, "http://")}})
	}
	p, second, err := service.StartAPI(ctx)
	if err != nil {
		return nil, nil, err
	}
	s.add(&process{name: "api-2", kind: "api", current: p, env: []string{"SIMTRANSFER_LISTEN=" + strings.TrimPrefix(second.URL, "http://")}})
	for _, name := range []string{"worker-2", "worker-3", "scheduler-2"} {
		p := &process{name: name, kind: strings.TrimRight(name, "-0123456789")}
		if p.current, err = service.StartProcess(p.kind); err != nil {
			return nil, nil, err
		}
		s.add(p)
	}
	return s, []string{service.Admin.URL, second.URL}, nil
}

func (s *supervisor) add(p *process) {
	p.wanted = true
	s.processes = append(s.processes, p)
	s.logs[p.current.Log()] = true
}

// apis returns the processes that serve the API, in the order of their URLs.
func (s *supervisor) apis() []*process {
	var list []*process
	for _, p := range s.processes {
		if p.kind == "api" {
			list = append(list, p)
		}
	}
	return list
}

// kill ends a process by SIGKILL. It is not restarted before start.
func (s *supervisor) kill(p *process) error { return s.abandon(p).Kill() }

// shutdown ends a process by SIGTERM. It is not restarted before start.
func (s *supervisor) shutdown(p *process) error { return s.abandon(p).Shutdown() }

// abandon makes a process one that need not be running.
func (s *supervisor) abandon(p *process) *stack.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.wanted = false
	return p.current
}

// suspend stops a process by SIGSTOP, if it is running.
func (s *supervisor) suspend(p *process) error { return servers.Suspend(s.pids(p)...) }

// resume continues a suspended process.
func (s *supervisor) resume(p *process) error { return servers.Resume(s.pids(p)...) }

func (s *supervisor) pids(p *process) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !p.current.Running() {
		return nil
	}
	return []int{p.current.Pid}
}

// start starts a process, unless it is running, and keeps it running from now on.
func (s *supervisor) start(p *process) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.wanted = true
	if p.current.Running() {
		return nil
	}
	started, err := s.stack.StartProcess(p.kind, p.env...)
	if err != nil {
		return err
	}
	p.current = started
	s.logs[started.Log()] = true
	return nil
}

// run restarts processes that ended by themselves, until ctx ends. Without the
// database, for example, no process gets beyond its start.
func (s *supervisor) run(ctx context.Context) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, p := range s.processes {
			s.mu.Lock()
			exited := p.wanted && !p.current.Running()
			if exited {
				s.exits++
			}
			s.mu.Unlock()
			if exited {
				if err := s.start(p); err != nil {
					return err
				}
			}
		}
	}
}

// panics returns the lines of the processes' logs that report a panic, a fatal
// error of the runtime, or a data race.
func (s *supervisor) panics() ([]string, error) {
	var found []string
	for name := range s.logs {
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
