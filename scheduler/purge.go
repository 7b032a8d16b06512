package scheduler

import "context"

// purge is how many rows are deleted at a time.
const purge = 10000

// Purge deletes what is no longer needed: notes of partial decisions on
// finished requests.
func (s *Scheduler) Purge(ctx context.Context) (more bool, err error) {
	n, err := s.db.PurgeNotes(ctx, purge)
	return n == purge, err
}
