package servers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"
)

// stopPatience is how long a server may take to stop before it is killed, and
// giveUpPatience how long one that has not even started may take.
const (
	stopPatience   = 30 * time.Second
	giveUpPatience = 5 * time.Second
)

// startPatience is how long a server may take to start, recovery included.
const startPatience = 2 * time.Minute

// errStopped is returned for what comes too late.
var errStopped = errors.New("the servers have been stopped")

// Server is a running PostgreSQL or Redis. Its methods may be called from
// several goroutines.
type Server struct {
	name       string
	log        *slog.Logger
	reaper     *reaper
	stopSignal syscall.Signal
	// launch starts a process and returns when it answers, or not at all.
	launch func(context.Context) (*Process, error)

	mu      sync.Mutex
	process *Process // the latest; nil until started
	stopped bool
}

// PID is the process id of the server, or of the one that was killed last.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process.Pid
}

// PIDs returns the process ids of the server and of its child processes, the
// server's last.
func (s *Server) PIDs() []int {
	pid := s.PID()
	return append(children(pid), pid)
}

// Kill ends the server, and every process it has started, by SIGKILL. What the
// server had not made durable is lost; Restart brings it back with what it had.
// A server that is not running is left so.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.process
	if !p.Running() {
		return nil
	}
	s.reaper.watch(s.name, 0)
	// While it is suspended, it cannot start another child.
	_ = Suspend(p.Pid)
	for _, pid := range append([]int{p.Pid}, children(p.Pid)...) {
		if err := signalProcess(pid, syscall.SIGKILL); err != nil {
			return fmt.Errorf("killing %s: %w", s.name, err)
		}
	}
	<-p.ended
	return nil
}

// Restart stops the server in good order, unless it has been killed, and starts
// it again under the same address and with the same data. It returns when the
// server answers, and an error when ctx ends first.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return fmt.Errorf("restarting %s: %w", s.name, errStopped)
	}
	if err := s.endLocked(); err != nil {
		return err
	}
	if err := s.startLocked(ctx); err != nil {
		return fmt.Errorf("restarting %s: %w", s.name, err)
	}
	return nil
}

// start starts the server for the first time.
func (s *Server) start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.startLocked(ctx); err != nil {
		return fmt.Errorf("starting %s: %w", s.name, err)
	}
	return nil
}

// stop ends the server for good.
func (s *Server) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	return s.endLocked()
}

func (s *Server) startLocked(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	begun := time.Now()
	p, err := s.launch(ctx)
	if err != nil {
		return err
	}
	s.process = p
	s.reaper.watch(s.name, p.Pid)
	s.log.DebugContext(ctx, "server started", "server", s.name, "pid", p.Pid, "took", time.Since(begun))
	return nil
}

func (s *Server) endLocked() error {
	if !s.process.Running() {
		return nil
	}
	s.reaper.watch(s.name, 0)
	if err := s.process.Stop(s.stopSignal, stopPatience); err != nil {
		return fmt.Errorf("stopping %s: %w", s.name, err)
	}
	return nil
}
