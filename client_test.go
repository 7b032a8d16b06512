package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
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

// A folder that was used before has the SIMs as they were, online ones included,
// and no more keys than one start makes.
func TestDevGoesOnInItsFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, path := range []string{filepath.Dir(dir), dir} { // PostgreSQL may run as another user
		if err := os.Chmod(path, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	dir = filepath.Join(dir, "d")
	_, first, end := startDev(t, dir)
	end()
	url, keys, end := startDev(t, dir)
	defer end()
	as := func(who string, args ...string) string {
		t.Helper()
		out, said, code := program(t, []string{"SIMTRANSFER_URL=" + url, "SIMTRANSFER_API_KEY=" + keys[who]}, args...)
		if code != 0 {
			t.Fatalf("%q as %s: exit code %d: %s", args, who, code, said)
		}
		return strings.TrimSpace(out)
	}
	for who := range first {
		if keys[who] == "" || keys[who] == first[who] {
			t.Errorf("the key of %s was %q, and then %q", who, first[who], keys[who])
		}
		as(who, "whoami")
	}
	if list := as("Admin", "keys", "list"); strings.Count(list, "\n") != len(first) {
		t.Errorf("%d keys were shown, and there are\n%s", len(first), list)
	}
	if _, _, code := program(t, []string{"SIMTRANSFER_URL=" + url, "SIMTRANSFER_API_KEY=" + first["Admin"]}, "whoami"); code != cli.ExitUnauthorized {
		t.Errorf("the first start's key is good: exit code %d", code)
	}
	const online = "8999901000000000036" // and active, at the gateway that refuses nothing
	var made struct {
		ID string `json:"id"`
	}
	answer := as("OP0000000001", "requests", "create", "--to-email=sims2@example.com", "--to-operator=OP0000000002", online, "--json")
	if err := json.Unmarshal([]byte(answer), &made); err != nil {
		t.Fatal(err)
	}
	as("Support", "requests", "watch", made.ID, "--until=decision")
	as("Support", "requests", "approve", made.ID, "--ticket=CASE-1")
	as("OP0000000002", "requests", "accept", made.ID)
	as("OP0000000002", "requests", "watch", made.ID)
	if sessions := as("Support", "sims", "history", online); !strings.Contains(sessions, "Admin-Reset") {
		t.Errorf("its session was not dropped:\n%s", sessions)
	}
}

// startDev runs everything in a folder. It returns where, the keys by whose they
// are, and what ends it.
func startDev(t *testing.T, dir string) (url string, keys map[string]string, end func()) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	free, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), binary, "dev", "--dir="+dir, "--listen="+address, "--sims=200")
	command.Env = append(os.Environ(), asProgram+"=1", quickExit)
	command.Stderr = t.Output()
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	end = func() {
		t.Helper()
		if err := errors.Join(command.Process.Signal(os.Interrupt), command.Wait()); err != nil {
			t.Error(err)
		}
	}
	keys = map[string]string{}
	var shown strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Fprintln(&shown, lines.Text())
		if lines.Text() == "Ctrl-C ends it." {
			return "http://" + address, keys, end
		}
		if words := strings.Fields(lines.Text()); strings.HasPrefix(words[len(words)-1], "st_") {
			keys[words[0]] = words[len(words)-1]
		}
	}
	t.Fatalf("it ended: %v\n%s", command.Wait(), shown.String())
	return "", nil, nil
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
