package transfer

import (
	"fmt"
	"strings"
	"time"
)

// InUTC returns a time in UTC. It returns an error for one whose year is not
// from MinYear to MaxYear in UTC, because RFC 3339, in which the API writes times, has no
// other years.
func InUTC(t time.Time) (time.Time, error) {
	utc := t.UTC()
	if year := utc.Year(); year < MinYear || year > MaxYear {
		return time.Time{}, fmt.Errorf("%s is not a time that can be used: in UTC its year is %d, but it must be from %d to %d", t.Format(time.RFC3339Nano), year, MinYear, MaxYear)
	}
	return utc, nil
}

// timeForms are the forms of times, the most frequent first. Those without a zone
// are in UTC.
func timeForms() []string {
	return []string{
		"2006-01-02",
		time.RFC3339Nano,
		"2006-01-02T15:04:05.999999999Z07", // as PostgreSQL writes it
		"2006-01-02T15:04Z07:00",
		"2006-01-02T15:04:05.999999999",
		"2006-01-02T15:04",
	}
}

// ParseTime parses a date such as 2030-01-31, which stands for its beginning, or
// a date and a time as in RFC 3339, such as 2030-01-31T14:30:00+01:00. The
// seconds and the zone may be left out, and T may be a blank. Without a zone, the
// time is in UTC. The result is in UTC, and RFC 3339 can write it, as with [InUTC].
func ParseTime(text string) (time.Time, error) {
	trimmed := strings.ToUpper(Trim(text))
	if len(trimmed) > 10 && trimmed[10] == ' ' {
		trimmed = trimmed[:10] + "T" + strings.TrimLeft(trimmed[10:], " ")
	}
	trimmed = strings.NewReplacer(" +", "+", " -", "-", " Z", "Z").Replace(trimmed)
	outOfRange := false
	for _, form := range timeForms() {
		t, err := time.Parse(form, trimmed)
		if err == nil {
			return InUTC(t)
		}
		outOfRange = outOfRange || strings.Contains(err.Error(), "out of range")
	}
	if outOfRange {
		return time.Time{}, fmt.Errorf("%q does not exist: check the month, the day and the time", clip(text))
	}
	return time.Time{}, fmt.Errorf("%q is not a date or a time, such as 2030-01-31, 2030-01-31T14:30 or 2030-01-31T14:30:00+01:00; without a zone, it is in UTC", clip(text))
}
