package command

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"simtransfer/radius"
	"simtransfer/scheduler"
	"simtransfer/transfer"
	"simtransfer/worker"
)

// Flags without a default tag must have the default that their package defines.
func TestDefaultsOfFlags(t *testing.T) {
	t.Parallel()
	const db, redis = "--database-url=postgres://127.0.0.1:1/none", "--redis-url=redis://127.0.0.1:1/0"
	parse := func(args ...string) *commands {
		t.Helper()
		c := newCommands()
		if _, err := c.parse(args, t.Output()); err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := parse("worker", db, redis).Worker; c.Config != worker.DefaultConfig() || c.DropTimeout != radius.DefaultTimeout {
		t.Errorf("worker: %+v", c)
	}
	want := worker.DefaultConfig()
	want.Bulk, want.DropBackoff = 7, time.Minute
	if got := parse("worker", db, redis, "--bulk=7", "--drop-backoff=1m").Worker.Config; got != want {
		t.Errorf("worker with two flags: %+v, want %+v", got, want)
	}
	if got := parse("scheduler", db, redis).Scheduler.Config; got != scheduler.DefaultConfig() {
		t.Errorf("scheduler: %+v", got)
	}
	if c := parse("api", db, redis).API; c.Review != transfer.ReviewPeriod || c.Acceptance != transfer.AcceptancePeriod {
		t.Errorf("api: %+v", c)
	}
}

// The API must not end while it still drains: calls would be lost.
func TestDrainLongerThanStopTimeoutIsRefused(t *testing.T) {
	t.Parallel()
	const db, redis = "--database-url=postgres://127.0.0.1:1/none", "--redis-url=redis://127.0.0.1:1/0"
	for _, c := range []struct {
		args    []string
		refused bool
	}{
		{nil, false},
		{[]string{"--drain=29s"}, false},
		{[]string{"--drain=30s"}, true},
		{[]string{"--drain=1m"}, true},
		{[]string{"--drain=1m", "--stop-timeout=90s"}, false},
		{[]string{"--stop-timeout=5s"}, true},
		{[]string{"--stop-timeout=5s", "--drain=0s"}, false},
	} {
		_, err := newCommands().parse(append([]string{"api", db, redis}, c.args...), t.Output())
		if c.refused != (err != nil) || c.refused && !strings.Contains(err.Error(), "SIMTRANSFER_STOP_TIMEOUT") {
			t.Errorf("%v: %v", c.args, err)
		}
	}
}

func TestShortDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		168 * time.Hour:            "168h",
		90 * time.Minute:           "1h30m",
		10 * time.Minute:           "10m",
		time.Hour + 10*time.Second: "1h0m10s",
		30 * time.Second:           "30s",
		25 * time.Millisecond:      "25ms",
	} {
		if got := shortDuration(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

// An error about a URL must not repeat any part of the password, whatever a parser
// takes that part for, and must say what to do.
func TestPasswordsStaySecret(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"12#geheim", "12/geheim", "12?geheim", "%geheim", "12%zzgeheim", "geheim#12", "geheim/12", "geheim?12", "ge heim", "ge[heim", "ge^heim"} {
		for name, args := range map[string][]string{
			"migrate":              {"migrate", "--database-url=postgres://user:" + password + "@127.0.0.1:1/none"},
			"migrate, with TLS":    {"migrate", "--database-url=postgres://user:" + password + "@127.0.0.1:1/none?sslmode=require"},
			"migrate, by keywords": {"migrate", "--database-url=Postgres://user:" + password + "@127.0.0.1:1/none"},
			"check":                {"check", "--database-url=postgresql://user:" + password + "@127.0.0.1:1/none"},
			"Redis":                {"worker", "--database-url=postgres://127.0.0.1:1/none", "--redis-url=redis://user:" + password + "@127.0.0.1:1/0"},
			"sentinels":            {"worker", "--database-url=postgres://127.0.0.1:1/none", "--redis-url=redis-sentinel://user:" + password + "@127.0.0.1:1/0?master=m"},
		} {
			t.Run(name+" "+password, func(t *testing.T) {
				t.Parallel()
				var stderr bytes.Buffer
				if code := Run(args, &stderr); code != 1 || !strings.Contains(stderr.String(), "SIMTRANSFER_") {
					t.Errorf("exit code %d and %q", code, stderr.String())
				}
				if !strings.Contains(stderr.String(), "percent-encode special characters of the password") && name != "migrate, by keywords" {
					t.Errorf("%q does not say what to do", stderr.String())
				}
				for _, secret := range []string{"ge", "heim", "12"} {
					if strings.Contains(strings.ReplaceAll(stderr.String(), "127.0.0.1", ""), secret) {
						t.Errorf("%q repeats %q", stderr.String(), secret)
					}
				}
			})
		}
	}
}

// If the server has no TLS, a URL that requires it, or has no sslmode, must fail
// with a message that says what to do. Other failures must not mention sslmode.
func TestServerWithoutTLS(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := io.CopyN(io.Discard, c, 8); err == nil { // SSLRequest
				_, _ = c.Write([]byte("N"))
			}
			_ = c.Close()
		}
	}()
	for _, command := range []string{"migrate", "check"} {
		for ending, hint := range map[string]bool{"": true, "?sslmode=require": true, "?sslmode=disable": false} {
			var stderr bytes.Buffer
			code := Run([]string{command, "--database-url=postgres://" + l.Addr().String() + "/none" + ending}, &stderr)
			if code != 1 || strings.Contains(stderr.String(), "sslmode=disable") != hint {
				t.Errorf("%s %s: exit code %d and %q", command, ending, code, stderr.String())
			}
		}
	}
}
