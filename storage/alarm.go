package storage

import (
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/lib/pq"
)

// alarmPause is how long a cause must not have occurred before its next error is
// news again.
const alarmPause = time.Minute

// Alarm distinguishes the first error of a failure from its repetitions, so that
// each cause is logged once: a missing right, for example, makes many operations
// fail many times.
// The zero value is ready for use, by any number of goroutines.
type Alarm struct {
	mu   sync.Mutex
	last map[string]time.Time // when each cause last occurred
}

// IsNews reports whether the cause of an error has not occurred for a minute.
// Errors of the database have the same cause if they have the same SQLSTATE and,
// if it is about a right or about an object that is missing, the same text, which
// names the object: when one right is granted again, the next one that is missing
// is news. Network errors have the same cause if they concern the same address,
// and others if the innermost errors have the same text.
func (a *Alarm) IsNews(err error) bool { return a.isNews(err, time.Now()) }

func (a *Alarm) isNews(err error, now time.Time) bool {
	cause := causeOf(err)
	a.mu.Lock()
	defer a.mu.Unlock()
	for c, at := range a.last {
		if now.Sub(at) >= alarmPause {
			delete(a.last, c)
		}
	}
	_, known := a.last[cause]
	if a.last == nil {
		a.last = map[string]time.Time{}
	}
	a.last[cause] = now
	return !known
}

func causeOf(err error) string {
	var e *pq.Error
	if errors.As(err, &e) {
		if strings.HasPrefix(string(e.Code), "42") { // no right, or no such table, column or function
			return string(e.Code) + " " + e.Message
		}
		return string(e.Code)
	}
	var network *net.OpError
	if errors.As(err, &network) && network.Addr != nil {
		return network.Addr.String()
	}
	if kind := KindOf(err); kind != NotOfDatabase {
		return string(kind)
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
