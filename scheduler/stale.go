package scheduler

import (
	"context"

	"simtransfer/storage"
)

// staleBatch is how many sessions one call closes.
const staleBatch = 1000

// CloseStale closes data sessions that their gateway has not reported for
// Config.SessionMaxSilence. Without it, a session whose end was lost blocks the
// transfer of its SIM for good if its gateway is gone.
func (s *Scheduler) CloseStale(ctx context.Context) (more bool, err error) {
	if s.config.SessionMaxSilence == 0 {
		return false, nil
	}
	closed, err := s.db.CloseStaleSessions(ctx, storage.System(), s.config.SessionMaxSilence, nil, staleBatch)
	if closed > 0 {
		s.log.InfoContext(ctx, "stale data sessions were closed", "sessions", closed, "without_news_for", s.config.SessionMaxSilence)
	}
	return closed == staleBatch, err
}
