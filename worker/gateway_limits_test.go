package worker

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"simtransfer/storage"
	"simtransfer/transfer"
)

func sessionWith(inFlight, perSecond int) storage.OpenSession {
	return storage.OpenSession{NASIPAddress: "10.0.0.1", SessionGateway: storage.SessionGateway{
		Gateway: new(1), Server: new("10.0.0.1:3799"), MaxInFlight: inFlight, MaxPerSecond: perSecond,
	}}
}

// No more requests wait for an answer than may, and none is sent while a slot is
// missing.
func TestInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newGatewayLimits()
		const limit = 3
		var mu sync.Mutex
		running, most := 0, 0
		count := func(by int) {
			mu.Lock()
			defer mu.Unlock()
			running += by
			most = max(most, running)
		}
		for range 20 {
			go func() {
				end, err := l.of(sessionWith(limit, 0)).begin(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				count(1)
				time.Sleep(time.Second)
				count(-1)
				end(1)
			}()
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if most != limit || running != 0 {
			t.Errorf("%d at once, %d still running", most, running)
		}
		if !l.isLimited("10.0.0.1") || l.isLimited("10.0.0.2") {
			t.Error("it is not known which gateway is limited")
		}
		end, err := l.of(sessionWith(0, 0)).begin(t.Context())
		if err != nil || l.isLimited("10.0.0.1") {
			t.Errorf("the limit was removed: %v", err)
		}
		end(1)
		// A caller that gives up takes no slot.
		one := l.of(sessionWith(1, 0))
		end, err = one.begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := one.begin(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		end(1)
		end, err = one.begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		end(1)
	})
}

// A gateway gets no more requests per second than it may, retransmissions included.
func TestPerSecond(t *testing.T) {
	t.Parallel()
	for _, sent := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			l := newGatewayLimits()
			const requests, perSecond = 200, 10
			start := time.Now()
			for range requests {
				end, err := l.of(sessionWith(0, perSecond)).begin(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				end(sent)
			}
			// The first request is free, and what the last one sent is still to be paid for.
			if took, want := time.Since(start), time.Duration(requests-1)*time.Duration(sent)*time.Second/perSecond; (took - want).Abs() > 10*time.Millisecond {
				t.Errorf("%d requests of %d datagrams took %s, want %s", requests, sent, took, want)
			}
		})
	}
}

// Work at a gateway that does not answer takes few slots, and at one that is slow or
// has limits, too; at others as many as there are.
func TestLanes(t *testing.T) {
	t.Parallel()
	const slots = 16
	enter := func(l *gatewayLanes, n int, gateway string, health gatewayHealth) (leaves []func()) {
		for range n {
			if leave, wait, ok := l.enter(transfer.QueueGateway, gateway, slots, health); ok {
				leaves = append(leaves, leave)
			} else if wait < firstLaneWait || wait > 2*maxLaneWait {
				t.Errorf("put off for %s", wait)
			}
		}
		return leaves
	}
	l := newGatewayLanes()
	if n := len(enter(l, 20, "up", gatewayHealth{proven: true})); n != 20 {
		t.Errorf("a gateway that answers has %d lanes", n)
	}
	if n := len(enter(l, 20, "limited", gatewayHealth{proven: true, limited: true})); n != limitedLanes {
		t.Errorf("a gateway with limits has %d lanes", n)
	}
	slow := enter(l, 20, "slow", gatewayHealth{proven: true, slow: true})
	if len(slow) != limitedLanes {
		t.Errorf("a slow gateway has %d lanes", len(slow))
	}
	first := enter(l, 200, "down", gatewayHealth{})
	if len(first) != unprovenLanes {
		t.Errorf("a gateway that does not answer has %d lanes", len(first))
	}
	all := len(slow) + len(first)
	for _, gateway := range []string{"a", "b", "c", "d", "e", "f"} {
		all += len(enter(l, 10, gateway, gatewayHealth{}))
	}
	if all != slots/2 {
		t.Errorf("gateways that do not answer or are slow have %d lanes together", all)
	}
	for _, leave := range first {
		leave()
	}
	if n := len(enter(l, 10, "g", gatewayHealth{})); n != len(first) {
		t.Errorf("%d lanes became free, and %d were taken", len(first), n)
	}
	if n := len(enter(l, 10, "up", gatewayHealth{proven: true})); n != 10 {
		t.Errorf("a gateway that answers has %d lanes while others do not answer", n)
	}
	if _, _, ok := l.enter(transfer.QueueGatewayInteractive, "down", 4, gatewayHealth{}); !ok {
		t.Error("small requests have no lane of their own")
	}
}

// A gateway is left alone for as long as it asks for, within bounds.
func TestPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(time.Second)
		b.pause("a", time.Minute)
		if !b.open("a") || b.open("b") || b.paused("a") != time.Minute || b.paused("b") != 0 {
			t.Error("the pause is not kept")
		}
		time.Sleep(time.Minute)
		if b.open("a") || b.paused("a") != 0 {
			t.Error("the pause does not end")
		}
		if b.pause("a", 1000*time.Hour); b.paused("a") != maxGatewayPause {
			t.Errorf("a gateway can pause for %s", b.paused("a"))
		}
	})
}

// The log gets the sums of what was not believed, at most once per minute.
func TestDoubts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDoubts()
		if sums := d.add("a", map[string]int{"forged": 2}); sums["forged"] != 2 {
			t.Errorf("got %v", sums)
		}
		for range 100 {
			if sums := d.add("a", map[string]int{"forged": 1, "late": 1}); sums != nil {
				t.Fatalf("got %v within a minute", sums)
			}
		}
		if sums := d.add("b", map[string]int{"late": 1}); sums["late"] != 1 {
			t.Errorf("got %v of another gateway", sums)
		}
		time.Sleep(doubtPeriod)
		if sums := d.add("a", map[string]int{"doubled": 1}); sums["forged"] != 102 || sums["late"] != 100 || sums["doubled"] != 1 {
			t.Errorf("got %v", sums)
		}
	})
}
