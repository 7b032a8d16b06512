package dev

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// command is a program to run for as long as this process lives, at most.
type command struct {
	path  string
	args  []string
	stdin string
	// env is the whole environment; nil is a minimal one.
	env []string
	// log is the file that its output is appended to.
	log string
	// user to run as; nil is the user of this process.
	user *account
	// inherit are open files whose only use is that the program, and whatever
	// it starts, holds them open.
	inherit []*os.File
	// deathSignal is what the kernel sends it when this process dies. Zero, and
	// kernels other than Linux's: none.
	deathSignal syscall.Signal
}

// process is a started command.
type process struct {
	*os.Process
	log       string
	logOffset int64 // where this run's part of the log begins
	ended     chan struct{}
	err       error // how it ended, nil for exit code 0; to be read after ended is closed
}

// start starts c. The process it returns lives until it ends by itself, is
// signalled, or this process dies.
func (c command) start() (*process, error) {
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	offset, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}

	// Without a context: it ends when it is told to, not when whoever started it
	// loses interest.
	cmd := &exec.Cmd{Path: c.path, Args: append([]string{c.path}, c.args...)}
	// Our working directory may be closed to the other user, and our environment
	// may hold PGDATA, PGPORT and the like.
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	if c.env != nil {
		cmd.Env = c.env
	}
	if c.stdin != "" {
		cmd.Stdin = strings.NewReader(c.stdin)
	}
	cmd.Stdout = log
	cmd.Stderr = log
	cmd.ExtraFiles = c.inherit
	// A group of its own, so that Ctrl-C in a terminal reaches only us and the
	// servers stay until we are done with them.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if c.user != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: c.user.uid, Gid: c.user.gid}
	}
	setDeathSignal(cmd.SysProcAttr, c.deathSignal)

	p := &process{log: c.log, logOffset: offset, ended: make(chan struct{})}
	started := make(chan error)
	go p.live(cmd, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.path, err)
	}
	return p, nil
}

// live starts the process, tells how that went, and stays until its end. (Tests
// that look for leaked goroutines know this one by its name.)
func (p *process) live(cmd *exec.Cmd, started chan<- error) {
	// The death signal comes when the thread that started the child ends, so that
	// thread has to be this goroutine's until then.
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

// run starts c and waits for its end; it is killed when ctx ends first.
func (c command) run(ctx context.Context) error {
	p, err := c.start()
	if err != nil {
		return err
	}
	select {
	case <-p.ended:
	case <-ctx.Done():
		_ = p.Kill()
		<-p.ended
		return context.Cause(ctx)
	}
	if p.err != nil {
		return fmt.Errorf("running %s: %w%s", c.path, p.err, p.lastWords())
	}
	return nil
}

// running tells whether the process has not ended yet. A nil process has.
func (p *process) running() bool {
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

// stop sends signal, and SIGKILL when that has not ended the process in time.
func (p *process) stop(signal os.Signal, patience time.Duration) error {
	if !p.running() {
		return nil
	}
	_ = p.Signal(signal) // fails only when it has just ended
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
		_ = p.Kill()
		<-p.ended
		return fmt.Errorf("stopping process %d: it ignored %v for %v and was killed", p.Pid, signal, patience)
	}
}

// output is what this run has logged so far, at most its last 4 KiB.
func (p *process) output() string {
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

// lastWords is output in a form to end an error with.
func (p *process) lastWords() string {
	if out := p.output(); out != "" {
		return "; its log ends:\n" + out
	}
	return ""
}

// await polls ready until it returns nil. It gives up when the process ends and
// when ctx does, and then returns what ready said last.
func (p *process) await(ctx context.Context, ready func(context.Context) error) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("it ended (%w)%s", p.err, p.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w%s", err, p.lastWords())
		case <-tick.C:
		}
	}
}
