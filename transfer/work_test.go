package transfer_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/transfer"
)

func TestWorkKinds(t *testing.T) {
	t.Parallel()
	type row struct {
		Event      transfer.EventKind // empty: none
		MayFailSIM bool
	}
	want := map[transfer.WorkKind]row{
		"validate":      {"validate", true},
		"execute":       {"execute", true},
		"drop_sessions": {"drop_sessions", true},
		"drop_stray":    {"", false},
		"release":       {"release", false},

		"deliver_webhooks": {"", false},
		"deliver_mails":    {"", false},
	}
	got := map[transfer.WorkKind]row{}
	for _, k := range transfer.WorkKinds() {
		event, ok := k.Event()
		if ok != (event != "") {
			t.Errorf("%s: event %q, %t", k, event, ok)
		}
		got[k] = row{event, k.MayFailSIM()}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds of work (-want +got):\n%s", diff)
	}
}

func TestQueueOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		inBatch bool
		size    int
		want    transfer.Queue
	}{
		{false, 1, "interactive"},
		{false, 100, "interactive"},
		{false, 101, "bulk"},
		{true, 1, "bulk"},
	} {
		if got := transfer.QueueOf(c.inBatch, c.size); got != c.want {
			t.Errorf("%d SIMs, in a batch: %t: queue %s, want %s", c.size, c.inBatch, got, c.want)
		}
	}
}

// Every event of a request and every kind of work that has one is listed.
func TestEventKinds(t *testing.T) {
	t.Parallel()
	want := []transfer.EventKind{transfer.EventCreate, transfer.EventRetry, transfer.EventComment, transfer.EventRemind}
	for _, e := range transfer.Events() {
		want = append(want, e.Kind())
	}
	for _, k := range transfer.WorkKinds() {
		if event, ok := k.Event(); ok {
			want = append(want, event)
		}
	}
	got := transfer.EventKinds()
	slices.Sort(want)
	want = slices.Compact(want) // to schedule a request is to accept it
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds of events (-want +got):\n%s", diff)
	}
}
