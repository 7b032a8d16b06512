package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"simtransfer/dev"
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
