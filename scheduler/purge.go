package scheduler

import (
	"context"
	"errors"
)

// purge is how many rows of a table are deleted at a time.
const purge = 10000

// Purge deletes what is no longer needed: answers that were kept for repeated
// calls, after their 24 hours, and the notes of partial decisions on requests
// that are finished.
func (s *Scheduler) Purge(ctx context.Context) (more bool, err error) {
	answers, err := s.db.PurgeIdempotency(ctx, purge)
	notes, err2 := s.db.PurgeNotes(ctx, purge)
	return answers >= purge || notes >= purge, errors.Join(err, err2) // notes are of two tables
}
