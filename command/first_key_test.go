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
	key, said, code := commandtest.Program(t, database, "first-key") // by the name that the documentation shows
	if code != 0 || !strings.HasPrefix(key, "st_admin_") || strings.Count(key, "\n") != 1 || said != "" {
		t.Fatalf("exit code %d, printed %q and %q", code, key, said)
	}
	again, said, code := commandtest.Program(t, database, "first-key")
	if code != 1 || again != "" || !strings.Contains(said, "--force") || !strings.Contains(said, `"first administrator"`) {
		t.Errorf("again: exit code %d, printed %q and %q", code, again, said)
	}
	forced, said, code := commandtest.Program(t, database, "first-key", "--force", "--name=second")
	if code != 0 || !strings.HasPrefix(forced, "st_admin_") || forced == key {
		t.Errorf("by force: exit code %d, printed %q and %q", code, forced, said)
	}
}
