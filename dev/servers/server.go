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

// Timeouts of a server.
const (
	startTimeout       = 2 * time.Minute  // to start, recovery included
	stopTimeout        = 30 * time.Second // to stop before it is killed
	failedStartTimeout = 5 * time.Second  // to stop if it could not start
)

// errStopped is returned by Restart after Stop.
var errStopped = errors.New("the servers have been stopped")

// Server is a running PostgreSQL or Redis. Its methods may be called from
// several goroutines.
type Server struct {
	name       string
	log        *slog.Logger
	reaper     *reaper
	stopSignal syscall.Signal
	// launch starts a process and returns when it answers.
	launch func(context.Context) (*Process, error)

	mu      sync.Mutex
	process *Process // the latest; nil until started
	stopped bool
}

// PID returns the process id of the server, or of the last one if it was killed.
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

// Kill ends the server and its child processes by SIGKILL. Data that it has not
// written durably is lost. Restart starts it again. Killing a server that is not
// running is not an error.
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

// Restart shuts the server down, unless it was killed, and starts it again with the
// same address and data. It returns when the server answers, or an error if ctx
// ends first.
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

// stop shuts the server down; it cannot be restarted.
func (s *Server) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	return s.endLocked()
}

func (s *Server) startLocked(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	started := time.Now()
	p, err := s.launch(ctx)
	if err != nil {
		return err
	}
	s.process = p
	s.reaper.watch(s.name, p.Pid)
	s.log.DebugContext(ctx, "server started", "server", s.name, "pid", p.Pid, "took", time.Since(started))
	return nil
}

func (s *Server) endLocked() error {
	if !s.process.Running() {
		return nil
	}
	s.reaper.watch(s.name, 0)
	if err := s.process.Stop(s.stopSignal, stopTimeout); err != nil {
		return fmt.Errorf("stopping %s: %w", s.name, err)
	}
	return nil
}
