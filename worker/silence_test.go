package worker

import (
	"testing"
	"testing/synctest"
	"time"
)

// When one unanswered request speaks for its gateway.
func TestSilence(t *testing.T) {
	t.Parallel()
	const timeout = 3 * time.Second // of a request
	for _, c := range []struct {
		name string
		tell func(s *silence)
		want bool
	}{
		{"nothing was asked", func(*silence) {}, false},
		{"one request stayed unanswered", func(s *silence) {
			asked := time.Now()
			time.Sleep(timeout)
			s.heard("a", asked, true)
		}, true},
		{"another gateway's request did", func(s *silence) {
			asked := time.Now()
			time.Sleep(timeout)
			s.heard("b", asked, true)
		}, false},
		{"another one was answered meanwhile", func(s *silence) {
			asked := time.Now()
			time.Sleep(timeout / 2)
			s.heard("a", time.Now(), false)
			time.Sleep(timeout / 2)
			s.heard("a", asked, true)
		}, false},
		{"another one was answered just before it was sent", func(s *silence) {
			s.heard("a", time.Now(), false)
			time.Sleep(time.Millisecond)
			asked := time.Now()
			time.Sleep(timeout)
			s.heard("a", asked, true)
		}, false},
		{"the last answer is long ago", func(s *silence) {
			s.heard("a", time.Now(), false)
			time.Sleep(heardLately + time.Millisecond)
			asked := time.Now()
			time.Sleep(timeout)
			s.heard("a", asked, true)
		}, true},
		{"another one was answered afterwards", func(s *silence) {
			asked := time.Now()
			time.Sleep(timeout)
			s.heard("a", asked, true)
			s.heard("a", asked, false)
		}, false},
		{"it has held for its time", func(s *silence) {
			asked := time.Now()
			time.Sleep(timeout)
			s.heard("a", asked, true)
			time.Sleep(silenceHolds)
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSilence(2 * time.Second)
				c.tell(s)
				if got := s.lately("a"); got != c.want {
					t.Errorf("silent: %t, want %t", got, c.want)
				}
			})
		})
	}
}

// A silence is forgotten before the next attempt, however soon that is.
func TestSilenceEndsBeforeTheNextAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const backoff = 50 * time.Millisecond
		s := newSilence(backoff)
		s.heard("a", time.Now(), true)
		if !s.lately("a") {
			t.Error("it does not hold at all")
		}
		time.Sleep(backoff)
		if s.lately("a") {
			t.Error("it holds longer than the back-off")
		}
	})
}
