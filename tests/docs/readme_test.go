package docs_test

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"simtransfer/command/commandtest"
)

// TestReadme starts the service as the README says, runs its curl commands, and
// expects the transfer that they create to complete.
func TestReadme(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatalf("%v: install curl", err)
	}
	commands := readmeCommands(t)
	url, keys := startDev(t)
	sh := newShell(t)
	sh.run("SOURCE=" + keys["OP0000000001"] + "\nDESTINATION=" + keys["OP0000000002"] + "\n")
	curl := func(command string) string {
		return sh.run(strings.ReplaceAll(command, "http://127.0.0.1:8080", url))
	}

	created := curl(commands[0])
	found := regexp.MustCompile(`^{"id":"(` + anID + `)","state":"validating"`).FindStringSubmatch(created)
	if found == nil {
		t.Fatalf("%s\nprints\n%s", commands[0], created)
	}
	id := found[1]
	// The next command presupposes that the request has been validated.
	await(t, func() string { return curl(commands[1]) }, id)

	accepted := curl(strings.ReplaceAll(commands[2], "/ID/", "/"+id+"/"))
	if !strings.Contains(accepted, `"state":"transferring"`) {
		t.Errorf("%s\nprints\n%s", commands[2], accepted)
	}
	await(t, func() string { return curl(strings.ReplaceAll(commands[3], "/ID/", "/"+id+"/")) }, `"state":"completed"`)
	if batch := curl(commands[4]); !strings.Contains(batch, `"request_count":1`) {
		t.Errorf("%s\nprints\n%s", commands[4], batch)
	}
}

// readmeCommands returns the five commands of the section "Use it", without the
// comments.
func readmeCommands(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```sh\n(# create a transfer request\n.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("the README has no block that begins with: # create a transfer request")
	}
	var commands []string
	begin := true
	for line := range strings.Lines(string(block[1])) {
		if text := strings.TrimSpace(line); text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		if begin {
			commands = append(commands, "")
		}
		commands[len(commands)-1] += line
		begin = !strings.HasSuffix(line, "\\\n") && !strings.HasSuffix(line, "|\n")
	}
	if len(commands) != 5 {
		t.Fatalf("the README has %d commands, want 5: %q", len(commands), commands)
	}
	return commands
}

// startDev runs simtransfer dev until the test ends. It returns the URL of the
// API and the API keys, by operator id.
func startDev(t *testing.T) (url string, keys map[string]string) {
	t.Helper()
	free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	dev := exec.CommandContext(t.Context(), commandtest.Path(t), "dev", "--listen", address, "--sims", "200")
	dev.Env = []string{commandtest.Env, commandtest.QuickExit, "PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	dev.Cancel = func() error { return dev.Process.Signal(os.Interrupt) }
	dev.Stderr = t.Output()
	out, err := dev.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := dev.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dev.Wait() }) // it was interrupted: the test's context ends before
	keys = map[string]string{}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		switch f := strings.Fields(lines.Text()); {
		case len(f) == 3 && strings.HasPrefix(f[0], "OP"):
			keys[f[0]] = f[2]
		case strings.Contains(lines.Text(), "Ctrl-C"):
			return "http://" + address, keys
		}
	}
	t.Fatal("simtransfer dev ended")
	return "", nil
}

// await repeats a command until it prints something.
func await(t *testing.T, command func() string, want string) {
	t.Helper()
	printed := ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if printed = command(); strings.Contains(printed, want) {
			return
		}
	}
	t.Fatalf("after a minute this is not there: %s\nbut this:\n%s", want, printed)
}
