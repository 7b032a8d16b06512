package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"simtransfer/command/commandtest"
)

// Every command has a manual page with its help, flags and subcommands. If the
// host has groff, it finds nothing to complain about.
func TestManPages(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "man1")
	if out, stderr, code := commandtest.Program(t, nil, "man", "--folder="+folder); code != 0 || out+stderr != "" {
		t.Fatalf("exit code %d: %s%s", code, out, stderr)
	}
	parser, err := newCommands().parser(t.Output(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(true) {
		text, err := os.ReadFile(filepath.Join(folder, pageName(parser.Model, leaf)+".1"))
		if err != nil {
			t.Error(err)
			continue
		}
		page := strings.NewReplacer(`\-`, "-", `\e`, `\`).Replace(string(text))
		want := []string{leaf.Help, ".SH \"OPTIONS\"", ".SH \"EXIT STATUS\""}
		for _, f := range leaf.Flags {
			if !f.Hidden {
				want = append(want, "--"+f.Name)
			}
		}
		for _, text := range want {
			if !strings.Contains(page, text) {
				t.Errorf("the page of %s does not contain %q", leaf.Path(), text)
			}
		}
	}
	page, _, code := commandtest.Program(t, nil, "man", "requests", "accept")
	if file, err := os.ReadFile(filepath.Join(folder, "simtransfer-requests-accept.1")); code != 0 || err != nil || string(file) != page {
		t.Errorf("exit code %d: another page on standard output: %v", code, err)
	}
	if _, stderr, code := commandtest.Program(t, nil, "man", "requests", "acept"); code != 1 || !strings.Contains(stderr, `there is no command "requests acept"`) {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("groff is not installed")
	}
	for _, name := range []string{"simtransfer", "simtransfer-requests-accept", "simtransfer-sims-change"} {
		out, err := exec.CommandContext(t.Context(), groff, "-man", "-Tutf8", "-ww", "-z", filepath.Join(folder, name+".1")).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

func TestHelpCommand(t *testing.T) {
	t.Parallel()
	for _, words := range []string{"", "requests", "requests accept", "check"} {
		want, _, code := commandtest.Program(t, nil, append(strings.Fields(words), "--help")...)
		got, _, code2 := commandtest.Program(t, nil, append([]string{"help"}, strings.Fields(words)...)...)
		if code != 0 || code2 != 0 || got != want || got == "" {
			t.Errorf("help %s: exit codes %d and %d:\n%s", words, code, code2, got)
		}
	}
	if _, stderr, code := commandtest.Program(t, nil, "help", "reqests"); code != 2 || !strings.Contains(stderr, "reqests") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
