package storage

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"
)

// clockMargin is more than the clocks of processes ever differ from the
// database's. Ids begin with the time of the process that has made them.
const clockMargin = 24 * time.Hour

// idsFrom returns an id that is below those of all that was made at an instant
// or later, and idsUntil one that is above those of all that was made before.
// They let a list begin and end at about the right place of an index, where
// created_at decides; nil stays nil.
func idsFrom(t *time.Time) *uuid.UUID { return idAt(t, -clockMargin) }

func idsUntil(t *time.Time) *uuid.UUID { return idAt(t, clockMargin) }

func idAt(t *time.Time, margin time.Duration) *uuid.UUID {
	if t == nil {
		return nil
	}
	ms := uint64(min(max(t.Add(margin).UnixMilli(), 0), 1<<48-1))
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:], ms<<16)
	return &id
}
