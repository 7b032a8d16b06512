package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Command describes a program that runs no longer than this process does.
type Command struct {
	Path string
	Args []string // without the program's name
	// Stdin is what the program reads from standard input.
	Stdin string
	// Env is the whole environment; nil means a minimal one.
	Env []string
	// LogFile is the file to which standard output and standard error are
	// appended.
	LogFile string
	// DeathSignal is the signal that the kernel sends to the program when this
	// process dies. Zero means none. Only Linux supports it.
	DeathSignal syscall.Signal

	// user to run as; nil means the user of this process.
	user *account
	// inherit lists open files that the program and its children only have to
	// keep open.
	inherit []*os.File
}

// Process is a started Command.
type Process struct {
	*os.Process
	log       string
	logOffset int64 // where the log of this run begins
	ended     chan struct{}
	err       error // how it ended, nil for exit code 0; read it only after ended is closed
}

// Start starts the program. It runs until it ends, is stopped, or this process
// dies.
func (c Command) Start() (*Process, error) {
	log, err := os.OpenFile(c.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	offset, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}

	// No exec.CommandContext: the program outlives the context of its start.
	cmd := &exec.Cmd{Path: c.Path, Args: append([]string{c.Path}, c.Args...)}
	// The other user may not be able to read our working directory, and our
	// environment may contain PGDATA, PGPORT and the like.
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	if c.Env != nil {
		cmd.Env = c.Env
	}
	if c.Stdin != "" {
		cmd.Stdin = strings.NewReader(c.Stdin)
	}
	cmd.Stdout = log
	cmd.Stderr = log
	cmd.ExtraFiles = c.inherit
	cmd.SysProcAttr = childAttributes(c.user, c.DeathSignal)

	p := &Process{log: c.LogFile, logOffset: offset, ended: make(chan struct{})}
	started := make(chan error)
	go p.supervise(cmd, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.Path, err)
	}
	return p, nil
}

// supervise starts the process, sends the result to started, and returns when
// the process has ended. Tests that look for leaked goroutines know this one by
// its name.
func (p *Process) supervise(cmd *exec.Cmd, started chan<- error) {
	// The kernel sends the death signal when the thread that started the child
	// ends, so this goroutine keeps its thread for as long as the child runs.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	p.Process = cmd.Process
	started <- err
	if err == nil {
		p.err = cmd.Wait()
		close(p.ended)
	}
}

// run starts the program and waits until it ends. It is killed if ctx ends first.
func (c Command) run(ctx context.Context) error {
	p, err := c.Start()
	if err != nil {
		return err
	}
	select {
	case <-p.ended:
	case <-ctx.Done():
		_ = p.Kill()
		return context.Cause(ctx)
	}
	if p.err != nil {
		return fmt.Errorf("running %s: %w%s", c.Path, p.err, p.logTail())
	}
	return nil
}

// Running reports whether the process has not ended yet. A nil process is not
// running.
func (p *Process) Running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Stop sends signal and waits until the process has ended. After timeout it
// sends SIGKILL and returns an error.
func (p *Process) Stop(signal os.Signal, timeout time.Duration) error {
	if !p.Running() {
		return nil
	}
	_ = p.Signal(signal) // fails only if the process has just ended
	select {
	case <-p.ended:
		return nil
	case <-time.After(timeout):
		_ = p.Kill()
		return fmt.Errorf("stopping process %d: it ignored %v for %v and was killed", p.Pid, signal, timeout)
	}
}

// Kill sends SIGKILL and waits until the process has ended. Killing a process
// that has ended is not an error.
func (p *Process) Kill() error {
	if err := p.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("killing process %d: %w", p.Pid, err)
	}
	<-p.ended
	return nil
}

// Log returns the path of the file that the process logs to.
func (p *Process) Log() string { return p.log }

// output returns what this run has logged so far, limited to the last 4 KiB.
func (p *Process) output() string {
	const limit = 4 << 10
	f, err := os.Open(p.log)
	if err != nil {
		return ""
	}
	defer f.Close()
	from := p.logOffset
	if info, err := f.Stat(); err == nil && info.Size()-from > limit {
		from = info.Size() - limit
	}
	b, err := io.ReadAll(io.NewSectionReader(f, from, limit))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// logTail returns output in a form that completes an error text.
func (p *Process) logTail() string {
	if out := p.output(); out != "" {
		return "; its log ends with:\n" + out
	}
	return ""
}

// WaitReady polls ready every 5 ms until it returns nil. It returns an error if
// the process ends or ctx does, with the last error of ready and the end of the
// log.
func (p *Process) WaitReady(ctx context.Context, ready func(context.Context) error) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("the process ended (%w)%s", p.err, p.logTail())
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w%s", err, p.logTail())
		case <-tick.C:
		}
	}
}
