package accounting

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// warningPeriod is the least time between two log lines for one reason.
const warningPeriod = 10 * time.Second

// warnings writes at most one log line for each reason in a period. Anyone who can
// reach the port can send packets, so their number must not decide the size of
// the log.
type warnings struct {
	log *slog.Logger

	mu   sync.Mutex
	last map[string]time.Time
	left map[string]int // not logged since
}

func newWarnings(log *slog.Logger) *warnings {
	return &warnings{log: log, last: map[string]time.Time{}, left: map[string]int{}}
}

// add logs a reason, which must be one of a few, with what it concerns.
func (w *warnings) add(ctx context.Context, reason string, fields ...slog.Attr) {
	w.mu.Lock()
	if time.Since(w.last[reason]) < warningPeriod {
		w.left[reason]++
		w.mu.Unlock()
		return
	}
	if n := w.left[reason]; n > 0 {
		fields = append(fields, slog.Int("not_logged_since", n))
	}
	w.last[reason], w.left[reason] = time.Now(), 0
	w.mu.Unlock()
	w.log.LogAttrs(ctx, slog.LevelWarn, "accounting: "+reason, fields...) //nolint:sloglint // reasons are constants
}
