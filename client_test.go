package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/term"

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
	key, said, code := program(t, database, "first-key") // by the name that the documentation shows
	if code != 0 || !strings.HasPrefix(key, "st_admin_") || strings.Count(key, "\n") != 1 || said != "" {
		t.Fatalf("exit code %d, printed %q and %q", code, key, said)
	}
	again, said, code := program(t, database, "first-key")
	if code != 1 || again != "" || !strings.Contains(said, "--force") || !strings.Contains(said, `"first administrator"`) {
		t.Errorf("once more: exit code %d, printed %q and %q", code, again, said)
	}
	forced, said, code := program(t, database, "first-key", "--force", "--name=second")
	if code != 0 || !strings.HasPrefix(forced, "st_admin_") || forced == key {
		t.Errorf("by force: exit code %d, printed %q and %q", code, forced, said)
	}
}

// Ctrl-C at the prompt for the key ends the program, and leaves a terminal that
// shows what is typed.
func TestLoginIsInterruptedOnATerminal(t *testing.T) {
	t.Parallel()
	keyboard, terminal := newTerminal(t)
	before, err := term.GetState(int(terminal.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	login := exec.CommandContext(t.Context(), binary, "login", "--url=http://127.0.0.1:1")
	login.Env = []string{asProgram + "=1", quickExit, "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	login.Stdin, login.Stdout, login.Stderr = terminal, terminal, terminal
	login.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := login.Start(); err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	for buffer := make([]byte, 100); !strings.Contains(shown.String(), "API key: "); {
		n, err := keyboard.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		shown.Write(buffer[:n])
	}
	for hidden := false; !hidden; time.Sleep(time.Millisecond) { // it was asked before it is hidden
		now, err := term.GetState(int(terminal.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		hidden = *now != *before
	}
	if _, err := keyboard.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	_ = login.Wait() // its exit code is looked at
	if code := login.ProcessState.ExitCode(); code != cli.ExitInterrupted {
		t.Errorf("exit code %d", code)
	}
	if now, err := term.GetState(int(terminal.Fd())); err != nil || *now != *before {
		t.Errorf("the terminal was left as %v, not %v: %v", now, before, err)
	}
}

// newTerminal makes a terminal, and what stands for its keyboard and screen.
func newTerminal(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("a terminal is made in another way here")
	}
	const unlock, number = 0x40045431, 0x80045430 // TIOCSPTLCK, TIOCGPTN
	var err error
	if keyboard, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = keyboard.Close() })
	var zero, n int32
	for call, value := range map[uintptr]*int32{unlock: &zero, number: &n} {
		if _, _, code := syscall.Syscall(syscall.SYS_IOCTL, keyboard.Fd(), call, uintptr(unsafe.Pointer(value))); code != 0 {
			t.Fatal(code)
		}
	}
	if terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	return keyboard, terminal
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
