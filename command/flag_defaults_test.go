package command

import (
	"reflect"
	"testing"
	"time"

	"simtransfer/api"
	"simtransfer/radius"
	"simtransfer/scheduler"
	"simtransfer/worker"
)

// Flags without a default tag must have the default that their package defines.
func TestDefaultsOfFlags(t *testing.T) {
	t.Parallel()
	const db, redis = "--database-url=postgres://127.0.0.1:1/none", "--redis-url=redis://127.0.0.1:1/0"
	parse := func(args ...string) *commands {
		t.Helper()
		c := newCommands()
		if _, err := c.parse(args, t.Output()); err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := parse("worker", db, redis).Worker; !reflect.DeepEqual(c.Config, worker.DefaultConfig()) || c.DropTimeout != radius.DefaultTimeout {
		t.Errorf("worker: %+v", c)
	}
	want := worker.DefaultConfig()
	want.Bulk, want.DropBackoff = 7, time.Minute
	if got := parse("worker", db, redis, "--bulk=7", "--drop-backoff=1m").Worker.Config; !reflect.DeepEqual(got, want) {
		t.Errorf("worker with two flags: %+v, want %+v", got, want)
	}
	if got := parse("scheduler", db, redis).Scheduler.Config; got != scheduler.DefaultConfig() {
		t.Errorf("scheduler: %+v", got)
	}
	if got := parse("api", db, redis).API.Config; !reflect.DeepEqual(got, api.DefaultConfig()) {
		t.Errorf("api: %+v", got)
	}
}

func TestShortDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		168 * time.Hour:            "168h",
		90 * time.Minute:           "1h30m",
		10 * time.Minute:           "10m",
		time.Hour + 10*time.Second: "1h0m10s",
		30 * time.Second:           "30s",
		25 * time.Millisecond:      "25ms",
	} {
		if got := shortDuration(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
