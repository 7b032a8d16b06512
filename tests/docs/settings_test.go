package docs_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/command/commandtest"
)

// TestSettingsPage compares the table of settings in docs/operations.md with the
// variables that the processes' help names, and their defaults.
func TestSettingsPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(SIMTRANSFER_[A-Z_]+)` \\| [^|]* \\| ([^|]*) \\|").FindAllStringSubmatch(string(page), -1) {
		documented[row[1]] = strings.Trim(row[2], "`")
	}
	settings := map[string]string{}
	for _, process := range []string{"api", "worker", "scheduler", "radius"} {
		help, stderr, code := commandtest.Program(t, nil, process, "--help")
		if code != 0 {
			t.Fatalf("%s --help: exit code %d: %s", process, code, stderr)
		}
		for name, value := range helpSettings(help) {
			settings[name] = value
		}
	}
	if diff := cmp.Diff(settings, documented); diff != "" {
		t.Errorf("the settings (-help +page):\n%s", diff)
	}
}

// helpSettings reads the variables of a help text, each with the default of its flag.
func helpSettings(help string) map[string]string {
	flag := regexp.MustCompile(`^ +(?:-\w, )?--(\[no-\])?[a-z-]+(?:=(\S+))?`)
	variable := regexp.MustCompile(`\$(SIMTRANSFER_[A-Z_]+)`)
	settings, value := map[string]string{}, ""
	for line := range strings.Lines(help) {
		if f := flag.FindStringSubmatch(line); f != nil {
			value = strings.Trim(f[2], `"`)
			switch value {
			case "URL": // a placeholder
				value = "required"
			case "FILE", "FOLDER", "LINK", "ADDRESS", "ID", "SECRET", "NAME", "CLAIM", "VALUE=ROLE,…", "NETWORK,...": // the placeholders of flags without a default
				value = "none"
			case "":
				value = fmt.Sprint(f[1] != "") // a switch that can be turned off is on
			}
		}
		for _, v := range variable.FindAllStringSubmatch(line, -1) {
			settings[v[1]] = value
		}
	}
	return settings
}
