package scheduler

import "context"

// sweep is how many requests one transaction expires at most.
const sweep = 100

// Expire ends the requests whose time for review or acceptance is over.
func (s *Scheduler) Expire(ctx context.Context) (more bool, err error) {
	n, err := s.db.ExpireDue(ctx, sweep)
	switch {
	case err != nil && n > 0: // of one, or of all: the transaction may be undone
		s.log.WarnContext(ctx, "requests are due to expire, and not all of them did", "due", n)
	case n > 0:
		s.log.InfoContext(ctx, "requests expired", "requests", n)
	}
	return n == sweep, err
}
