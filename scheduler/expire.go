package scheduler

import "context"

// expireBatch is the maximum number of requests that one transaction expires.
const expireBatch = 100

// Expire ends requests whose time for review or acceptance is over.
func (s *Scheduler) Expire(ctx context.Context) (more bool, err error) {
	n, err := s.db.ExpireDue(ctx, expireBatch)
	switch {
	case err != nil && n > 0:
		s.log.WarnContext(ctx, "some requests that are due could not be expired", "due", n)
	case n > 0:
		s.log.InfoContext(ctx, "requests expired", "requests", n)
	}
	return n == expireBatch, err
}
