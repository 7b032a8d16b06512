package storage

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/lib/pq"
)

func TestAlarm(t *testing.T) {
	t.Parallel()
	var a Alarm
	start := time.Now()
	denied := func(work int) error { return fmt.Errorf("closing work %d: %w", work, &pq.Error{Code: "42501"}) }
	right := func(table string) error {
		return &pq.Error{Code: "42501", Message: "permission denied for table " + table}
	}
	refused := func(port int) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{Port: port}, Err: syscall.ECONNREFUSED}
	}
	for _, c := range []struct {
		at   time.Duration
		err  error
		want bool
	}{
		{0, denied(1), true},
		{0, denied(2), false},
		{50 * time.Second, denied(1), false},
		{50 * time.Second, &pq.Error{Code: "53100"}, true},
		{100 * time.Second, denied(3), false}, // less than a minute after the last one
		{160 * time.Second, denied(1), true},
		{160 * time.Second, right("events"), true}, // another right than before
		{160 * time.Second, right("audit"), true},
		{160 * time.Second, right("events"), false},
		{160 * time.Second, fmt.Errorf("reading: %w", io.EOF), true},
		{160 * time.Second, fmt.Errorf("writing: %w", io.ErrUnexpectedEOF), false},
		{160 * time.Second, refused(5432), true},
		{160 * time.Second, refused(6379), true},
		{160 * time.Second, refused(5432), false},
		{160 * time.Second, fmt.Errorf("work 7: %w", errors.New("out of sockets")), true},
		{160 * time.Second, fmt.Errorf("work 8: %w", errors.New("out of sockets")), false},
	} {
		if got := a.isNews(c.err, start.Add(c.at)); got != c.want {
			t.Errorf("after %v, %v: news %t, want %t", c.at, c.err, got, c.want)
		}
	}
}
