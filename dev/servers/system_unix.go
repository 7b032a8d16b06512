//go:build unix

package servers

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// checkPlatform returns an error on systems that the servers cannot run on.
func checkPlatform() error { return nil }

// childAttributes returns the attributes of a child process that runs as user
// (nil means our own) in a process group of its own, so that Ctrl-C in a
// terminal reaches only this process, which then stops its children in order.
func childAttributes(user *account, deathSignal syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if user != nil {
		attr.Credential = &syscall.Credential{Uid: user.uid, Gid: user.gid}
	}
	setDeathSignal(attr, deathSignal)
	return attr
}

// sessionAttributes returns the attributes of a child process in a session of
// its own: neither Ctrl-C nor a signal to our process group reaches it.
func sessionAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true}
}

// signalProcess sends a signal. A process that has ended is not an error.
func signalProcess(pid int, signal syscall.Signal) error {
	if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("sending %s to process %d: %w", signal, pid, err)
	}
	return nil
}

// Suspend stops processes (SIGSTOP) until Resume. Processes that have ended are
// skipped.
func Suspend(pids ...int) error { return signalAll(syscall.SIGSTOP, pids) }

// Resume continues suspended processes (SIGCONT).
func Resume(pids ...int) error { return signalAll(syscall.SIGCONT, pids) }

func signalAll(signal syscall.Signal, pids []int) error {
	var errs []error
	for _, pid := range pids {
		errs = append(errs, signalProcess(pid, signal))
	}
	return errors.Join(errs...)
}

// tryLock takes the exclusive lock on an open file or folder. It returns
// EWOULDBLOCK if another process holds it.
func tryLock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// owner returns the user and group that a file belongs to.
func owner(info os.FileInfo) (uid, gid uint32, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return stat.Uid, stat.Gid, true
}
