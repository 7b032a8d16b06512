package transfer

import (
	"fmt"
	"time"
)

// InUTC returns a time in UTC. It returns an error for one whose year is not
// from 1 to 9999 in UTC, because RFC 3339, in which the API writes times, has no
// other years.
func InUTC(t time.Time) (time.Time, error) {
	utc := t.UTC()
	if year := utc.Year(); year < 1 || year > 9999 {
		return time.Time{}, fmt.Errorf("%s is not a time that can be used: in UTC its year is %d, but it must be from 1 to 9999", t.Format(time.RFC3339Nano), year)
	}
	return utc, nil
}
