package command

import (
	"strings"
	"testing"
)

// The API must not end while it still drains: calls would be lost.
func TestDrainLongerThanStopTimeoutIsRefused(t *testing.T) {
	t.Parallel()
	const db, redis = "--database-url=postgres://127.0.0.1:1/none", "--redis-url=redis://127.0.0.1:1/0"
	for _, c := range []struct {
		args    []string
		refused bool
	}{
		{nil, false},
		{[]string{"--drain=29s"}, false},
		{[]string{"--drain=30s"}, true},
		{[]string{"--drain=1m"}, true},
		{[]string{"--drain=1m", "--stop-timeout=90s"}, false},
		{[]string{"--stop-timeout=5s"}, true},
		{[]string{"--stop-timeout=5s", "--drain=0s"}, false},
	} {
		_, err := newCommands().parse(append([]string{"api", db, redis}, c.args...), t.Output())
		if c.refused != (err != nil) || c.refused && !strings.Contains(err.Error(), "SIMTRANSFER_STOP_TIMEOUT") {
			t.Errorf("%v: %v", c.args, err)
		}
	}
}
