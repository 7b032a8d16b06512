package worker

import (
	"sync"
	"time"
)

// silenceHolds is how long one unanswered request speaks for a whole gateway.
// It is below the first back-off, so that every attempt asks anew.
const silenceHolds = time.Second

// silence remembers which gateways did not answer a moment ago. It saves time
// and decides nothing that lasts, so the process's own clock will do.
type silence struct {
	mu    sync.Mutex
	since map[string]time.Time // by address
}

func newSilence() *silence { return &silence{since: map[string]time.Time{}} }

func (s *silence) lately(gateway string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.since[gateway]
	return ok && time.Since(at) < silenceHolds
}

func (s *silence) heard(gateway string, silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if silent {
		s.since[gateway] = time.Now()
	} else {
		delete(s.since, gateway)
	}
}
