package scheduler

import (
	"context"
	"time"
)

// Link links data sessions to SIMs that were imported after the session
// started. It looks at a limited number of sessions per call and continues from
// there in the next. After the last one it reports those that are left.
func (s *Scheduler) Link(ctx context.Context) (more bool, err error) {
	n, last, err := s.db.LinkSessions(ctx, s.lastLinked)
	if err == nil {
		s.lastLinked = last
	}
	if n > 0 {
		s.log.InfoContext(ctx, "sessions linked to SIMs that were imported later", "sessions", n)
	}
	if err == nil && last == 0 {
		err = s.reportUnknown(ctx)
	}
	return false, err
}

// unknownInterval is the time between two counts of the sessions without a SIM.
const unknownInterval = time.Minute

// reportUnknown logs how many open data sessions name no SIM, if that has changed.
func (s *Scheduler) reportUnknown(ctx context.Context) error {
	if time.Since(s.unknownCounted) < unknownInterval {
		return nil
	}
	n, err := s.db.CountUnknownSessions(ctx)
	if err != nil {
		return err
	}
	switch n {
	case s.unknown:
	case 0:
		s.log.InfoContext(ctx, "every open data session names a SIM again")
	default:
		s.log.WarnContext(ctx, "open data sessions name no SIM of the inventory", "sessions", n)
	}
	s.unknown, s.unknownCounted = n, time.Now()
	return nil
}
