package accounting_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"simtransfer/radius/accounting"
	"simtransfer/storage/storagetest"
)

// told is what a gateway tells about one session in its life.
type told struct {
	id      string
	packets [][]byte // Start, Interim-Updates and Stop; without Stop it stays open
	ended   bool
	began   time.Time
	in      int64
}

// Whatever the network does to packets — it duplicates, delays and reorders them —
// the sessions are in the end those that the gateways have had: as long as each packet
// arrives at least once.
func TestSessionsOfAnyOrder(t *testing.T) {
	t.Parallel()
	s := start(t, nil, accounting.Config{})
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		run++
		s.clear()
		now := time.Now().Truncate(time.Second)
		want := map[string]*told{}
		var traffic [][]byte
		for i := range rapid.IntRange(1, 6).Draw(r, "sessions") {
			x := s.tell(r, fmt.Sprintf("%d-%d", run, i), now)
			want[x.id] = x
			traffic = append(traffic, x.packets...)
		}
		for _, wire := range traffic {
			for range rapid.IntRange(0, 2).Draw(r, "copies") {
				traffic = append(traffic, wire)
			}
		}
		order := rapid.Permutation(traffic).Draw(r, "order")
		answered := s.packets("answered") + s.packets("duplicate")
		ports := []*socket{s.socket(), s.socket()}
		for _, wire := range order {
			c := ports[rapid.IntRange(0, 1).Draw(r, "port")]
			if rapid.Bool().Draw(r, "waits") {
				s.deliver(c, wire)
			} else {
				c.send(wire)
			}
		}
		// A gateway sends a packet until it is answered.
		for _, wire := range traffic {
			s.deliver(s.socket(), wire)
		}
		storagetest.Await(t, "all are handled", func() bool { return s.packets("answered")+s.packets("duplicate") >= answered+len(order)+len(traffic) })
		compare(r, s.sessions(), want)
	})
}

// tell makes the packets of a session.
func (s *service) tell(r *rapid.T, id string, now time.Time) *told {
	lasts := rapid.IntRange(10, 5000).Draw(r, "lasts")
	ago := lasts + rapid.IntRange(0, 5000).Draw(r, "ago")
	x := &told{id: id, began: now.Add(-time.Duration(ago) * time.Second)}
	add := func(k record) {
		k.id, k.user = id, "1"
		x.packets = append(x.packets, encode(s.packet(k)))
	}
	add(record{kind: begin, at: x.began})
	at := 0
	for range rapid.IntRange(0, 3).Draw(r, "updates") {
		at = rapid.IntRange(at, lasts).Draw(r, "at")
		x.in = int64(at) * 10
		add(record{kind: update, at: x.began.Add(time.Duration(at) * time.Second), lasted: max(at, 1), in: uint32(x.in)})
	}
	x.ended = rapid.Bool().Draw(r, "ends")
	if x.ended {
		x.in = int64(lasts) * 10
		add(record{kind: end, at: x.began.Add(time.Duration(lasts) * time.Second), lasted: lasts, in: uint32(x.in)})
	}
	return x
}

func compare(r *rapid.T, sessions []session, want map[string]*told) {
	if len(sessions) != len(want) {
		r.Fatalf("there are %d sessions, want %d: %q", len(sessions), len(want), describe(sessions))
	}
	for _, got := range sessions {
		w := want[got.Session]
		if w == nil {
			r.Fatalf("%q is stored twice, or is none of %q", got.Session, slices.Collect(maps.Keys(want)))
		}
		delete(want, got.Session)
		// If the Stop comes first, later updates cannot raise its counters; it has the last ones.
		if (got.Ended != nil) != w.ended || got.In != w.in || got.Began.Sub(w.began).Abs() > 2*time.Second {
			r.Fatalf("session %s: stored is %q with %d bytes; it began at %s, has ended: %t, with %d bytes",
				w.id, describe([]session{got}), got.In, w.began, w.ended, w.in)
		}
	}
}
