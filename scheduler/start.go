package scheduler

import "context"

// startBatch is the maximum number of requests that one transaction starts.
const startBatch = 100

// Start starts the execution of scheduled requests whose window has begun.
func (s *Scheduler) Start(ctx context.Context) (more bool, err error) {
	n, err := s.db.StartDue(ctx, startBatch)
	switch {
	case err != nil && n > 0:
		s.log.WarnContext(ctx, "some scheduled requests that are due could not be started", "due", n)
	case n > 0:
		s.log.InfoContext(ctx, "scheduled requests started", "requests", n)
	}
	return n == startBatch, err
}
