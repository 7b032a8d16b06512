package worker

import (
	"sync"
	"time"
)

// silenceHolds is how long one unanswered request speaks for a whole gateway,
// at most. It is below the first back-off, so that every attempt asks anew.
const silenceHolds = time.Second

// heardLately is how long an answer speaks against a silence that begins after
// it: a gateway that answers some requests and leaves others is asked about
// each session, for those that it has left may be all that it is asked about
// just then.
const heardLately = 5 * time.Second

// silence remembers which gateways did not answer a moment ago. It saves time
// and decides nothing that lasts, so the process's own clock will do.
type silence struct {
	holds time.Duration

	mu       sync.Mutex
	gateways map[string]*hearing // by the address that accounting gives: several may share a server
}

// hearing is what was last heard of a gateway, and not heard.
type hearing struct {
	answered time.Time // the last answer
	asked    time.Time // the last request that stayed unanswered was sent,
	gaveUp   time.Time // and its time was over
}

// newSilence remembers for a time that is below a back-off.
func newSilence(backoff time.Duration) *silence {
	return &silence{holds: min(silenceHolds, backoff), gateways: map[string]*hearing{}}
}

// lately reports whether a gateway was silent a moment ago and has not been
// heard since, nor shortly before.
func (s *silence) lately(gateway string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.gateways[gateway]
	return ok && time.Since(h.gaveUp) < s.holds && h.asked.Sub(h.answered) > heardLately
}

// heard notes what became of a request that was sent to a gateway at an instant.
func (s *silence) heard(gateway string, asked time.Time, silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.gateways[gateway]
	if !ok {
		h = &hearing{}
		s.gateways[gateway] = h
	}
	if silent {
		h.asked, h.gaveUp = asked, time.Now()
	} else {
		h.answered = time.Now()
	}
}
