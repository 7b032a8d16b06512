package scheduler

import "context"

// Link links data sessions to SIMs that were imported after the session
// started. It looks at a limited number of sessions per call and continues from
// there in the next.
func (s *Scheduler) Link(ctx context.Context) (more bool, err error) {
	n, last, err := s.db.LinkSessions(ctx, s.lastLinked)
	if err == nil {
		s.lastLinked = last
	}
	if n > 0 {
		s.log.InfoContext(ctx, "sessions linked to SIMs that were imported later", "sessions", n)
	}
	return false, err
}
