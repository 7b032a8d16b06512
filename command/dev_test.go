package command

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"simtransfer/cli"
	"simtransfer/command/commandtest"
)

// A second start with the same --dir must have the same SIMs, online ones included,
// new keys, and no more keys than one start creates.
func TestDevKeepsItsFolder(t *testing.T) {
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
		out, stderr, code := commandtest.Program(t, []string{"SIMTRANSFER_URL=" + url, "SIMTRANSFER_API_KEY=" + keys[who]}, args...)
		if code != 0 {
			t.Fatalf("%q as %s: exit code %d: %s", args, who, code, stderr)
		}
		return strings.TrimSpace(out)
	}
	for who := range first {
		if keys[who] == "" || keys[who] == first[who] {
			t.Errorf("the key of %s was %q and is now %q", who, first[who], keys[who])
		}
		as(who, "whoami")
	}
	if list := as("Admin", "keys", "list"); strings.Count(list, "\n") != len(first) {
		t.Errorf("%d keys were printed, but there are\n%s", len(first), list)
	}
	if _, _, code := commandtest.Program(t, []string{"SIMTRANSFER_URL=" + url, "SIMTRANSFER_API_KEY=" + first["Admin"]}, "whoami"); code != cli.ExitUnauthorized {
		t.Errorf("the key of the first start still works: exit code %d", code)
	}
	const online = "8999901000000000036" // active, at the gateway that accepts Disconnect-Requests
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

// startDev runs the dev command with a folder. It returns the URL of the API, the
// printed keys by the name of their owner, and a function that stops it.
func startDev(t *testing.T, dir string) (url string, keys map[string]string, end func()) {
	t.Helper()
	binary := commandtest.Path(t)
	free, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), binary, "dev", "--dir="+dir, "--listen="+address, "--sims=200")
	command.Env = append(os.Environ(), commandtest.Env, commandtest.QuickExit)
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
		if lines.Text() == "Press Ctrl-C to stop." {
			return "http://" + address, keys, end
		}
		if words := strings.Fields(lines.Text()); strings.HasPrefix(words[len(words)-1], "st_") {
			keys[words[0]] = words[len(words)-1]
		}
	}
	t.Fatalf("it ended: %v\n%s", command.Wait(), shown.String())
	return "", nil, nil
}
