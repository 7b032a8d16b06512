package storage

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/uuid"
)

// The bounds for an instant hold for ids made by a process whose clock is wrong
// by less than the margin.
func TestIDBounds(t *testing.T) {
	t.Parallel()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	below := func(a, b uuid.UUID) bool { return bytes.Compare(a[:], b[:]) < 0 }
	now := time.Now()
	for off, want := range map[time.Duration]struct{ from, until bool }{
		0:                   {true, true},
		23 * time.Hour:      {true, true},
		-23 * time.Hour:     {true, true},
		25 * time.Hour:      {false, true}, // made a day before the instant
		-25 * time.Hour:     {true, false},
		1000000 * time.Hour: {false, true},
	} {
		at := now.Add(off)
		if from, until := below(*firstID(&at), id), below(id, *lastID(&at)); from != want.from || until != want.until {
			t.Errorf("%s: %t, %t", off, from, until)
		}
	}
	for _, at := range []time.Time{{}, time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if from, until := *firstID(&at), *lastID(&at); below(until, from) {
			t.Errorf("%s: from %s until %s", at, from, until)
		}
	}
	if firstID(nil) != nil || lastID(nil) != nil {
		t.Error("no instant has bounds")
	}
}
