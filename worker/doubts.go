package worker

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// doubtPeriod is the least time between two lines in the log about what a gateway
// sent and was not believed.
const doubtPeriod = time.Minute

// doubts counts, for each gateway, what was received as its answer and not
// believed: forged, late or doubled answers, answers from another address, and so
// on.
type doubts struct {
	mu       sync.Mutex
	gateways map[string]*doubt
}

type doubt struct {
	counts map[string]int // since the process started, by what was wrong
	logged time.Time
}

func newDoubts() *doubts { return &doubts{gateways: map[string]*doubt{}} }

// add adds counts. It returns the sums when they are due in the log, else nil.
func (d *doubts) add(gateway string, counts map[string]int) map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	g := d.gateways[gateway]
	if g == nil {
		g = &doubt{counts: map[string]int{}}
		d.gateways[gateway] = g
	}
	for kind, n := range counts {
		g.counts[kind] += n
	}
	if time.Since(g.logged) < doubtPeriod {
		return nil
	}
	g.logged = time.Now()
	sums := make(map[string]int, len(g.counts))
	for kind, n := range g.counts {
		sums[kind] = n
	}
	return sums
}

// logIgnored logs what was received and not believed, at most once per minute for
// a gateway.
func (w *Worker) logIgnored(ctx context.Context, gateway string, answer Answer) {
	if len(answer.Ignored) == 0 {
		return
	}
	sums := w.doubts.add(gateway, answer.Ignored)
	if sums == nil {
		return
	}
	kinds := make([]string, 0, len(sums))
	for kind := range sums {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	args := []any{slog.String("gateway", gateway)}
	for _, kind := range kinds {
		args = append(args, slog.Int(kind, sums[kind]))
	}
	w.log.WarnContext(ctx, "answers of a gateway were not believed; the numbers are since this process started", args...)
}
