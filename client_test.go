package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"simtransfer/cli"
	"simtransfer/dev/devtest"
)

// quickExit keeps the race detector from sleeping for a second at the end of
// every process.
const quickExit = "GORACE=atexit_sleep_ms=0"

// program runs this binary as the program, and returns what it printed and its
// exit code.
func program(t *testing.T, env []string, args ...string) (out, said string, code int) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), binary, args...)
	command.Env = append([]string{asProgram + "=1", quickExit, "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}, env...)
	var stdout, stderr strings.Builder
	command.Stdout, command.Stderr = &stdout, &stderr
	err = command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), command.ProcessState.ExitCode()
}

// There is one first administrator, unless somebody insists.
func TestFirstKey(t *testing.T) {
	t.Parallel()
	database := []string{"SIMTRANSFER_DATABASE_URL=" + devtest.DatabaseURL(t)}
	key, said, code := program(t, database, "first-key")
	if code != 0 || !strings.HasPrefix(key, "st_admin_") || strings.Count(key, "\n") != 1 || said != "" {
		t.Fatalf("exit code %d, printed %q and %q", code, key, said)
	}
	again, said, code := program(t, database, "first-key")
	if code != 1 || again != "" || !strings.Contains(said, "--force") {
		t.Errorf("once more: exit code %d, printed %q and %q", code, again, said)
	}
	forced, said, code := program(t, database, "first-key", "--force", "--name=second")
	if code != 0 || !strings.HasPrefix(forced, "st_admin_") || forced == key {
		t.Errorf("by force: exit code %d, printed %q and %q", code, forced, said)
	}
}

func TestOpenAPINeedsNothing(t *testing.T) {
	t.Parallel()
	out, said, code := program(t, nil, "openapi")
	var document struct {
		OpenAPI string         `json:"openapi"`
		Paths   map[string]any `json:"paths"`
	}
	if err := json.Unmarshal([]byte(out), &document); err != nil {
		t.Fatal(err)
	}
	if code != 0 || said != "" || document.OpenAPI != "3.1.0" || len(document.Paths) == 0 {
		t.Errorf("exit code %d, %q and %d paths; %s", code, document.OpenAPI, len(document.Paths), said)
	}
}

func TestShellCompletion(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		"simtransfer requests a":           {"accept", "approve"},
		"simtransfer requests list --dir":  {"--direction"},
		"simtransfer batches results --fo": {"--format"},
	} {
		out, _, code := program(t, []string{"COMP_LINE=" + line})
		got := strings.Fields(out)
		slices.Sort(got)
		if code != 0 || !slices.Equal(got, want) {
			t.Errorf("%q becomes %q, not %q", line, got, want)
		}
	}
	out, said, code := program(t, nil, "completion", "-c", "bash")
	if code != 0 || !strings.Contains(out, "complete ") {
		t.Errorf("exit code %d, printed %q and %q", code, out, said)
	}
}

func TestExitCodesOfTheProgram(t *testing.T) {
	t.Parallel()
	out, _, code := program(t, nil, "--help")
	if code != 0 || !strings.Contains(out, "the service does not answer, or is busy") {
		t.Errorf("exit code %d, and the help does not explain exit codes:\n%s", code, out)
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
		if _, said, code := program(t, nil, strings.Fields(c.args)...); code != c.code || said == "" {
			t.Errorf("%s: exit code %d, not %d: %s", c.args, code, c.code, said)
		}
	}
}
