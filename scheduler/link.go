package scheduler

import "context"

// Link links data sessions to SIMs that were imported while they started. Where
// many sessions are of SIMs that are not ours, it takes several rounds.
func (s *Scheduler) Link(ctx context.Context) (more bool, err error) {
	n, last, err := s.db.LinkSessions(ctx, s.linked)
	if err == nil {
		s.linked = last
	}
	if n > 0 {
		s.log.InfoContext(ctx, "sessions are linked to SIMs imported since", "sessions", n)
	}
	return false, err
}
