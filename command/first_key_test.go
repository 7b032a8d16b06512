package command

import (
	"strings"
	"testing"

	"simtransfer/command/commandtest"
	"simtransfer/dev/servers/serverstest"
)

// A second first key is refused without --force.
func TestFirstKey(t *testing.T) {
	t.Parallel()
	database := []string{"SIMTRANSFER_DATABASE_URL=" + serverstest.DatabaseURL(t)}
	key, stderr, code := commandtest.Program(t, database, "first-key") // by the name that the documentation shows
	if code != 0 || !strings.HasPrefix(key, "st_admin_") || strings.Count(key, "\n") != 1 || stderr != "" {
		t.Fatalf("exit code %d, printed %q and %q", code, key, stderr)
	}
	again, stderr, code := commandtest.Program(t, database, "first-key")
	if code != 1 || again != "" || !strings.Contains(stderr, "--force") || !strings.Contains(stderr, `"first administrator"`) {
		t.Errorf("again: exit code %d, printed %q and %q", code, again, stderr)
	}
	if _, stderr, code := commandtest.Program(t, database, "first-key", "--force"); code != 1 || !strings.Contains(stderr, "--name") {
		t.Errorf("with --force and the same name: exit code %d, printed %q", code, stderr)
	}
	forced, stderr, code := commandtest.Program(t, database, "first-key", "--force", "--name=second")
	if code != 0 || !strings.HasPrefix(forced, "st_admin_") || forced == key {
		t.Errorf("with --force: exit code %d, printed %q and %q", code, forced, stderr)
	}
}
