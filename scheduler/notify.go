package scheduler

import "context"

// notifyBatch is the maximum number of events of which one transaction makes
// messages.
const notifyBatch = 1000

// Notify makes messages of events for those who want to hear of them. Workers
// deliver the messages.
func (s *Scheduler) Notify(ctx context.Context) (more bool, err error) {
	return s.db.FillOutbox(ctx, notifyBatch)
}
