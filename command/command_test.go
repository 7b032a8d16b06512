package command

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"simtransfer/cli"
	"simtransfer/command/commandtest"
	"simtransfer/dev/servers/serverstest"
)

func TestMain(m *testing.M) { commandtest.Main(m, Run) }

// A wrong setting must fail at the start, with a message that names the setting.
func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	const db, redis = "--database-url=postgres://127.0.0.1:1/none", "--redis-url=redis://127.0.0.1:1/0"
	for _, c := range []struct {
		name string
		args []string
		code int
		want string // part of the message
	}{
		{"no command", nil, 2, "expected one of"},
		{"an unknown flag", []string{"api", db, redis, "--prot=1"}, 2, "unknown flag --prot"},
		{"no database", []string{"migrate", "--database-url="}, 1, "--database-url"},
		{"an unreachable database", []string{"check", db}, 1, "SIMTRANSFER_DATABASE_URL"},
		{"an invalid Redis URL", []string{"worker", db, "--redis-url=host:6379"}, 1, "SIMTRANSFER_REDIS_URL"},
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
			var stderr bytes.Buffer
			code := Run(c.args, &stderr)
			if code != c.code || !strings.Contains(stderr.String(), c.want) {
				t.Errorf("exit code %d and %q, want %d and %q", code, stderr.String(), c.code, c.want)
			}
		})
	}
}

func TestExitCodesOfTheProgram(t *testing.T) {
	t.Parallel()
	out, _, code := commandtest.Program(t, nil, "--help")
	if code != 0 || !strings.Contains(out, "the service does not answer or is busy") {
		t.Errorf("exit code %d, and the help does not describe the exit codes:\n%s", code, out)
	}
	for command, want := range map[string]string{"sims list": "    7    watch: finished", "batches watch": "    7    watch: finished", "check": "1 the command failed or found problems"} {
		if out, _, code := commandtest.Program(t, nil, append(strings.Fields(command), "--help")...); code != 0 || !strings.Contains(out, want) {
			t.Errorf("%s --help: exit code %d, and it does not list the exit codes:\n%s", command, code, out)
		}
	}
	for _, c := range []struct {
		args string
		code int
	}{
		{"sims list", cli.ExitUnauthorized},
		{"sims list --limit=0", cli.ExitUsage},
		{"requests create", cli.ExitUsage},
		{"login --url=http://127.0.0.1:1", cli.ExitUsage}, // without a key
	} {
		if _, stderr, code := commandtest.Program(t, nil, strings.Fields(c.args)...); code != c.code || stderr == "" {
			t.Errorf("%s: exit code %d, want %d: %s", c.args, code, c.code, stderr)
		}
	}
}

// A second signal must end a process that is still shutting down. Here the API
// waits for the body of a request.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	database := "--database-url=" + serverstest.DatabaseURL(t)
	key, stderr, code := commandtest.Program(t, nil, "first-key", database)
	if code != 0 {
		t.Fatalf("first-key: exit code %d: %s", code, stderr)
	}
	api := exec.CommandContext(t.Context(), commandtest.Path(t), "api", "--listen=127.0.0.1:0", database,
		"--redis-url="+serverstest.RedisURL(t), "--log-format=json")
	api.Env = append(os.Environ(), commandtest.Env)
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
	// The API answers 100 when it starts to wait for the body.
	if _, err := fmt.Fprintf(c, "POST /v1/accounts HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n", strings.TrimSpace(key)); err != nil {
		t.Fatal(err)
	}
	if answer, err := bufio.NewReader(c).ReadString('\n'); err != nil || answer != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("the API answers %q: %v", answer, err)
	}
	ended := make(chan struct{})
	go func() {
		_ = api.Wait() // ProcessState is checked below
		close(ended)
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for running := true; running; {
		_ = api.Process.Signal(os.Interrupt) // it may have ended already
		select {
		case <-ended:
			running = false
		case <-tick.C:
		}
	}
	if status, ok := api.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
		t.Errorf("it was not ended by the signal: %v", api.ProcessState)
	}
}

func TestShellCompletion(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		"simtransfer requests a":           {"accept", "approve"},
		"simtransfer requests list --dir":  {"--direction"},
		"simtransfer batches results --fo": {"--format"},
	} {
		out, _, code := commandtest.Program(t, []string{"COMP_LINE=" + line})
		got := strings.Fields(out)
		slices.Sort(got)
		if code != 0 || !slices.Equal(got, want) {
			t.Errorf("%q: completions %q, want %q", line, got, want)
		}
	}
	out, stderr, code := commandtest.Program(t, nil, "completion", "-c", "bash")
	if code != 0 || !strings.Contains(out, "complete ") {
		t.Errorf("exit code %d, printed %q and %q", code, out, stderr)
	}
}
