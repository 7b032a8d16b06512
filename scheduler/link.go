package scheduler

import "context"

// Link links data sessions to SIMs that were imported while they started.
func (s *Scheduler) Link(ctx context.Context) (more bool, err error) {
	n, err := s.db.LinkSessions(ctx)
	if n > 0 {
		s.log.InfoContext(ctx, "sessions are linked to SIMs imported since", "sessions", n)
	}
	return false, err
}
