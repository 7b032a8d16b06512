package storage

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"
)

// clockMargin is more than the clock of a process ever differs from the
// database's. The ids of requests and batches begin with the time at which a
// process has made them; created_at is the database's time.
const clockMargin = 24 * time.Hour

// firstID returns a lower bound for the ids of all rows created at an instant
// or later; nil for nil. With it, a list that is filtered by created_at reads
// only about the right part of an index on ids.
func firstID(t *time.Time) *uuid.UUID { return idAt(t, -clockMargin) }

// lastID returns an upper bound for the ids of all rows created before an
// instant; nil for nil.
func lastID(t *time.Time) *uuid.UUID { return idAt(t, clockMargin) }

func idAt(t *time.Time, margin time.Duration) *uuid.UUID {
	if t == nil {
		return nil
	}
	ms := uint64(min(max(t.Add(margin).UnixMilli(), 0), 1<<48-1))
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:], ms<<16)
	return &id
}
