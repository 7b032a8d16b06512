package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"simtransfer/dev"
	"simtransfer/dev/devtest"
)

// TestMain lets the test binary stand for the program: the processes of a
// stack are this binary again, with a variable set that says so.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(run(os.Args[1:], os.Stderr))
	}
	os.Exit(m.Run())
}

const asProgram = "TEST_BINARY_AS_SIMTRANSFER"

// TestDemo runs the whole demonstration with few SIMs, on real processes.
func TestDemo(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	ok, err := dev.Demo(t.Context(), dev.DemoOptions{
		SIMs:     400,
		Env:      []string{asProgram + "=1"},
		JSON:     true,
		Out:      &out,
		Progress: t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		t.Errorf("the demonstration did not come out as foretold:\n%s", out.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var last map[string]float64
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Fatalf("the last line is not a JSON object: %v", err)
	}
	outcomes := 0.0
	for _, name := range []string{"completed", "ineligible", "canceled", "declined", "expired", "failed"} {
		if last[name] == 0 {
			t.Errorf("no SIM is %s: the demonstration does not show it", name)
		}
		outcomes += last[name]
	}
	if outcomes != last["sims"] {
		t.Errorf("%v outcomes for %v SIMs", outcomes, last["sims"])
	}
	for _, name := range []string{"sessions_dropped", "charges", "seconds", "sims_per_second"} {
		if last[name] <= 0 {
			t.Errorf("%s is %v", name, last[name])
		}
	}
	if violations, told := last["violations"]; !told || violations != 0 {
		t.Errorf("violations: %v, told: %v", violations, told)
	}
}

// TestBadConfiguration sees that a wrong setting fails at the start, with a
// sentence that says what to set.
func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	const db, redis = "--database-url=postgres://127.0.0.1:1/none", "--redis-url=redis://127.0.0.1:1/0"
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"no command", nil, 2, "expected one of"},
		{"an unknown flag", []string{"api", db, redis, "--prot=1"}, 2, "unknown flag --prot"},
		{"no database", []string{"migrate", "--database-url="}, 1, "--database-url"},
		{"an unreachable database", []string{"check", db}, 1, "SIMTRANSFER_DATABASE_URL"},
		{"a Redis URL that is none", []string{"worker", db, "--redis-url=host:6379"}, 1, "SIMTRANSFER_REDIS_URL"},
		{"sentinels without a master", []string{"worker", db, "--redis-url=redis-sentinel://host:26379"}, 1, "master"},
		{"a period out of bounds", []string{"api", db, redis, "--acceptance=1000h"}, 2, "SIMTRANSFER_ACCEPTANCE_PERIOD"},
		{"no attempts", []string{"worker", db, redis, "--drop-attempts=0"}, 2, "--drop-attempts"},
		{"too small a demo", []string{"demo", "--sims=5"}, 2, "200"},
		{"one connection", []string{"check", db, "--max-conns=1"}, 2, "SIMTRANSFER_MAX_CONNS"},
		{"an empty list", []string{"work", "list", db, "--limit=0"}, 2, "--limit"},
		{"nothing to retry", []string{"work", "retry", db}, 2, "--all"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var said bytes.Buffer
			code := run(c.args, &said)
			if code != c.code || !strings.Contains(said.String(), c.says) {
				t.Errorf("exit code %d and %q, want %d and something with %q", code, said.String(), c.code, c.says)
			}
		})
	}
}

// TestPasswordsStaySecret sees that an error about a URL repeats no part of a
// password, whatever a parser takes the part for, and says what to do.
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
				var said bytes.Buffer
				if code := run(args, &said); code != 1 || !strings.Contains(said.String(), "SIMTRANSFER_") {
					t.Errorf("exit code %d and %q", code, said.String())
				}
				if !strings.Contains(said.String(), "percent-encode special characters of the password") && name != "migrate, by keywords" {
					t.Errorf("%q does not say what to do", said.String())
				}
				for _, secret := range []string{"ge", "heim", "12"} {
					if strings.Contains(strings.ReplaceAll(said.String(), "127.0.0.1", ""), secret) {
						t.Errorf("%q repeats %q", said.String(), secret)
					}
				}
			})
		}
	}
}

// TestServerWithoutTLS sees that a URL that says nothing of TLS fails with what
// to do when the server has none, and that other failures do not mention it.
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
			var said bytes.Buffer
			code := run([]string{command, "--database-url=postgres://" + l.Addr().String() + "/none" + ending}, &said)
			if code != 1 || strings.Contains(said.String(), "sslmode=disable") != hint {
				t.Errorf("%s %s: exit code %d and %q", command, ending, code, said.String())
			}
		}
	}
}

// TestRedisUser sees that the user of a Redis URL is used, with TLS and without.
func TestRedisUser(t *testing.T) {
	t.Parallel()
	for url, tls := range map[string]bool{
		"redis://user:p%2Fw@host:6379/3":  false,
		"rediss://user:p%2Fw@host:6379/3": true,
	} {
		o, err := redisServer{url}.options()
		if err != nil {
			t.Fatal(err)
		}
		got, ok := o.(asynq.RedisClientOpt)
		if !ok || got.Username != "user" || got.Password != "p/w" || got.Addr != "host:6379" || got.DB != 3 {
			t.Errorf("%s: %+v", url, o)
		}
		if (got.TLSConfig != nil) != tls || tls && got.TLSConfig.ServerName != "host" {
			t.Errorf("%s: TLS is %+v", url, got.TLSConfig)
		}
	}
	o, err := redisServer{"redis-sentinel://user:pw@a:26379,b:26379/2?master=m&sentinel_password=s@w"}.options()
	if got, ok := o.(asynq.RedisFailoverClientOpt); !ok || err != nil || got.Username != "user" || got.Password != "pw" ||
		got.SentinelPassword != "s@w" || len(got.SentinelAddrs) != 2 || got.DB != 2 {
		t.Errorf("%+v, %v", o, err)
	}
}

// TestCallsAreCutOff sees that a call that does not end keeps the process from
// ending for a while only, and that the log says so.
func TestCallsAreCutOff(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	cutOff := make(chan struct{})
	endless := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		stop()
		<-r.Context().Done()
		close(cutOff)
	})
	go func() {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", listener.Addr().String())
		if err != nil {
			return
		}
		_, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: test\r\n\r\n"))
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	}()
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	if err := (httpServer{endless, 10 * time.Millisecond}).serve(ctx, log, listener); err != nil {
		t.Error(err)
	}
	if !strings.Contains(said.String(), "cut off") {
		t.Errorf("the log does not tell: %s", said.String())
	}
	<-cutOff
}

// TestSecondSignal sees that a process that takes its time to stop ends at once
// when it is told again. An API waits some seconds for a connection that has
// asked nothing yet.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	api := exec.CommandContext(t.Context(), program, "api", "--listen=127.0.0.1:0",
		"--database-url="+devtest.DatabaseURL(t), "--redis-url="+devtest.RedisURL(t), "--log-format=json")
	api.Env = append(os.Environ(), asProgram+"=1")
	log, err := api.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Start(); err != nil {
		t.Fatal(err)
	}
	var line struct{ Address string }
	for lines := bufio.NewScanner(log); line.Address == "" && lines.Scan(); {
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%v in %s", err, lines.Text())
		}
	}
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", line.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	ended := make(chan struct{})
	go func() {
		_ = api.Wait() // how it ended is looked at below
		close(ended)
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for running := true; running; {
		_ = api.Process.Signal(os.Interrupt) // it may have ended
		select {
		case <-ended:
			running = false
		case <-tick.C:
		}
	}
	if status, ok := api.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
		t.Errorf("it ended by itself: %v", api.ProcessState)
	}
}
