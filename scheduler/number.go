package scheduler

import "context"

// Number gives changes of SIMs their places in the changes feed, so that the
// time at which a change got its place is close to the time of the change, and a
// reader that comes after a long time finds no backlog. Readers do the same.
func (s *Scheduler) Number(ctx context.Context) (more bool, err error) {
	return s.db.NumberChanges(ctx)
}
