package storage

import (
	"errors"
	"syscall"
	"time"
)

const tcpUserTimeout = 0x12 // TCP_USER_TIMEOUT, which package syscall does not have

// setUserTimeout limits how long data that was sent to the server may remain
// unacknowledged before the connection is given up.
func setUserTimeout(c syscall.RawConn, d time.Duration) error {
	var err error
	if e := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(d.Milliseconds()))
	}); e != nil {
		return e
	}
	return err
}

// isClosed reports whether the server has closed an idle connection, or has
// sent an error before closing it. It reads nothing and does not wait.
func isClosed(c syscall.RawConn, encrypted bool) bool {
	closed := false
	if err := c.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		case err != nil, n == 0:
			closed = true
		default:
			// Without TLS, only an error message means that the server closes the
			// connection; with it, messages cannot be told apart.
			closed = encrypted || b[0] == 'E'
		}
	}); err != nil {
		return true
	}
	return closed
}
