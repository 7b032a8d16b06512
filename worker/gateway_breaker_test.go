package worker

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestBreaker(t *testing.T) {
	t.Parallel()
	const timeout = 3 * time.Second // of a request
	for _, c := range []struct {
		name   string
		record func(b *breaker)
		open   bool
	}{
		{"no request was sent", func(*breaker) {}, false},
		{"a request timed out", func(b *breaker) {
			sent := time.Now()
			time.Sleep(timeout)
			b.record("a", sent, true)
		}, true},
		{"a request to another gateway timed out", func(b *breaker) {
			sent := time.Now()
			time.Sleep(timeout)
			b.record("b", sent, true)
		}, false},
		{"another request was answered meanwhile", func(b *breaker) {
			sent := time.Now()
			time.Sleep(timeout / 2)
			b.record("a", time.Now(), false)
			time.Sleep(timeout / 2)
			b.record("a", sent, true)
		}, false},
		{"another request was answered just before", func(b *breaker) {
			b.record("a", time.Now(), false)
			time.Sleep(time.Millisecond)
			sent := time.Now()
			time.Sleep(timeout)
			b.record("a", sent, true)
		}, false},
		{"the last answer is too old", func(b *breaker) {
			b.record("a", time.Now(), false)
			time.Sleep(presumedUpFor + time.Millisecond)
			sent := time.Now()
			time.Sleep(timeout)
			b.record("a", sent, true)
		}, true},
		{"another request was answered afterwards", func(b *breaker) {
			sent := time.Now()
			time.Sleep(timeout)
			b.record("a", sent, true)
			b.record("a", sent, false)
		}, false},
		{"its time is over", func(b *breaker) {
			sent := time.Now()
			time.Sleep(timeout)
			b.record("a", sent, true)
			time.Sleep(maxOpen)
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(2 * time.Second)
				c.record(b)
				if got := b.open("a"); got != c.open {
					t.Errorf("open: %t, want %t", got, c.open)
				}
			})
		})
	}
}

// The breaker closes before the next attempt, however short the back-off is.
func TestBreakerClosesBeforeTheNextAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const backoff = 50 * time.Millisecond
		b := newBreaker(backoff)
		b.record("a", time.Now(), true)
		if !b.open("a") {
			t.Error("the breaker did not open")
		}
		time.Sleep(backoff)
		if b.open("a") {
			t.Error("the breaker stays open longer than the back-off")
		}
	})
}

// A gateway is slow if its last answer took long.
func TestSlowGateway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(time.Second)
		for _, took := range []time.Duration{slowAnswer, slowAnswer + time.Millisecond, 0} {
			sent := time.Now()
			time.Sleep(took)
			b.record("a", sent, false)
			if b.isSlow("a") != (took > slowAnswer) || b.isSlow("b") || !b.answers("a") {
				t.Errorf("after an answer in %s: slow %t", took, b.isSlow("a"))
			}
		}
	})
}
