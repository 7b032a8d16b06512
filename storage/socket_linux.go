package storage

import (
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout limits how long data that was sent to the server may remain
// unacknowledged before the connection is given up.
func setUserTimeout(c syscall.RawConn, d time.Duration) error {
	var err error
	controlErr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
	})
	return errors.Join(controlErr, err)
}

// isClosed reports whether the server has closed a connection. It reads
// nothing and does not wait.
func isClosed(c syscall.RawConn) bool {
	var events int16
	if err := c.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}} //nolint:gosec // file descriptors are small
		if _, err := unix.Poll(fds, 0); err == nil {
			events = fds[0].Revents
		}
	}); err != nil {
		return true
	}
	return events != 0 // POLLHUP and POLLERR are always reported
}
