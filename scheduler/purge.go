package scheduler

import (
	"context"
	"errors"
)

// purgeBatch is how many rows of a table one call deletes.
const purgeBatch = 10000

// Purge deletes stored responses of idempotent calls after 24 hours, and the
// notes of partial decisions on requests that are finished.
func (s *Scheduler) Purge(ctx context.Context) (more bool, err error) {
	responses, err := s.db.PurgeIdempotency(ctx, purgeBatch)
	notes, err2 := s.db.PurgeNotes(ctx, purgeBatch)
	return responses >= purgeBatch || notes >= purgeBatch, errors.Join(err, err2) // notes counts rows of two tables
}
