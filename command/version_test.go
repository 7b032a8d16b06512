package command

import (
	"regexp"
	"strings"
	"testing"

	"simtransfer/command/commandtest"
)

func TestVersion(t *testing.T) {
	t.Parallel()
	if !regexp.MustCompile(`^\d+\.\d+\.\d+(-dev)?$`).MatchString(release) {
		t.Errorf("the release %q is not a semantic version", release)
	}
	stdout, stderr, code := commandtest.Program(t, nil, "--version")
	if code != 0 || stderr != "" || !strings.HasPrefix(stdout, release) {
		t.Errorf("exit code %d, printed %q and %q", code, stdout, stderr)
	}
}
