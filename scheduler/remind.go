package scheduler

import "context"

// remindBatch is the maximum number of requests of which one transaction records
// reminders.
const remindBatch = 1000

// Remind records reminders of requests that wait for a decision.
func (s *Scheduler) Remind(ctx context.Context) (more bool, err error) {
	n, err := s.db.RemindDue(ctx, remindBatch)
	if n > 0 && err == nil {
		s.log.InfoContext(ctx, "reminders recorded", "requests", n)
	}
	return n == remindBatch && err == nil, err
}
