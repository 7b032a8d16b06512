package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// watching is embedded in the commands that follow something.
type watching struct {
	Interval time.Duration `default:"1s" help:"How often to look; more often in the beginning."`
	Until    string        `enum:"finished,decision" default:"finished" help:"When to end: when all is finished, or at the next decision that a person has to make: finished or decision."`
}

// Validate refuses to ask without a pause.
func (w watching) Validate() error {
	if w.Interval <= 0 {
		return usageError("--interval has to be above 0, such as 1s")
	}
	return nil
}

// follow looks again and again until there is no more to see. It does not wait
// for server-sent events, because how far the work has come is not among them.
// again names the command that goes on.
func (w watching) follow(ctx context.Context, l *link, again func() string, look func(context.Context) (over bool, err error)) error {
	for pause := min(100*time.Millisecond, w.Interval); ; pause = min(2*pause, w.Interval) { // what is small is over soon
		over, err := look(ctx)
		if err == nil && !over {
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
		switch {
		case err == nil && over:
			return nil
		case ctx.Err() != nil:
			l.progress.say("Stopped watching; the work goes on. To go on: %s", again())
			return reported(ctx.Err())
		case err != nil && ExitCode(err) == ExitUnavailable && !errors.Is(err, ErrReported):
			return fmt.Errorf("%w\nThe work goes on when the service does. To go on: %s", err, again())
		case err != nil:
			return err
		}
	}
}

// resume is the command that goes on watching.
func (w watching) resume(l *link, kind, id string) func() string {
	line := fmt.Sprintf("simtransfer %s watch %s", kind, id)
	if w.Until == "decision" {
		line += " --until=decision"
	}
	if l.json {
		line += " --json"
	}
	return func() string { return line }
}

// incomplete is the outcome of what is finished when SIMs were not transferred.
func incomplete(l *link, c counts, more string) error {
	left := c.SIMs - c.Completed
	if left == 0 {
		return nil
	}
	err := &exitError{ExitIncomplete, fmt.Errorf("%d of %d SIMs were not transferred; see %s", left, c.SIMs, more)}
	if l.json {
		return reported(err)
	}
	return err
}

// watcher is what the watchers of requests and of batches have in common.
type watcher struct {
	*link
	printed []byte // the last answer that was printed as it is
	said    string // the last line that was said
}

// print prints an answer as it is, if it is another one than the last.
func (w *watcher) print(answer []byte) error {
	if bytes.Equal(answer, w.printed) {
		return nil
	}
	w.printed = answer
	return w.show(answer, nil)
}

// working tells how far work has come: where lines stay, at every tenth.
func (w *watcher) working(title string, done, total int) {
	w.progress.status(fmt.Sprintf("%-12s %s", title, bar(done, total)))
	if !w.Terminal && done > 0 && done < total {
		w.once(fmt.Sprintf("%s: %d %%", title, 10*(10*done/total)))
	}
}

// waiting tells who is waited for.
func (w *watcher) waiting(text string) {
	w.progress.status(text)
	if !w.Terminal {
		w.once(text)
	}
}

// once says a line unless it was the last one.
func (w *watcher) once(line string) {
	if line != w.said {
		w.progress.say("%s", line)
		w.said = line
	}
}

type requestsWatchCommand struct {
	watching
	ID uuid.UUID `arg:"" name:"id" help:"The request's id."`
	remote
}

// Help is the detailed help.
func (requestsWatchCommand) Help() string {
	return `Tells what happens as it happens, and ends when every SIM has its outcome: with exit code 0 if all were transferred, and 7 if some were not. Ctrl-C ends the watching alone. With --json it prints the request whenever it has changed.

Examples:

    simtransfer requests watch 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21
    simtransfer requests watch 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --until=decision && echo "ready to be decided on"`
}

// Run carries the command out.
func (c *requestsWatchCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	w := &requestWatcher{watcher: watcher{link: l}, id: c.ID}
	defer w.progress.clear()
	if err := c.follow(ctx, l, c.resume(l, "requests", c.ID.String()), func(ctx context.Context) (bool, error) {
		if err := w.look(ctx); err != nil {
			return false, err
		}
		return w.now.FinishedAt != nil || c.Until == "decision" && w.now.WaitingFor != nil, nil
	}); err != nil {
		return err
	}
	w.progress.clear()
	if !l.json {
		if err := printRequest(l, w.now); err != nil {
			return err
		}
	}
	if w.now.FinishedAt == nil {
		return nil
	}
	return incomplete(l, w.now.Counts, fmt.Sprintf("simtransfer requests show %s --sims", c.ID))
}

type requestWatcher struct {
	watcher
	id  uuid.UUID
	now request
	seq int // of the last event that was told
}

// look reads the request first, and then what has happened: at the end nothing
// of that is missing.
func (w *requestWatcher) look(ctx context.Context) error {
	w.now = request{}
	answer, err := w.get(ctx, requestPath(w.id), &w.now)
	if err != nil {
		return err
	}
	if w.json {
		return w.print(answer)
	}
	list := listing{
		paging: paging{All: true, Cursor: strconv.Itoa(w.seq)},
		path:   requestPath(w.id, "events"),
		query:  url.Values{},
	}
	if _, err := walk(ctx, w.link, list, func(_ []byte, p page[event]) error {
		for _, e := range p.Items {
			w.progress.say("%s", e.line())
			w.seq = e.Seq
		}
		return nil
	}); err != nil {
		return err
	}
	c := w.now.Counts
	switch {
	case w.now.FinishedAt != nil:
	case w.now.WaitingFor != nil:
		w.waiting(fmt.Sprintf("waiting for %s until %s", *w.now.WaitingFor, instant(w.now.ExpiresAt)))
	case w.now.State == "validating":
		w.working("validating", c.SIMs-c.Pending, c.SIMs)
	default:
		w.working(w.now.State, c.SIMs-c.Ineligible-c.Eligible, c.SIMs-c.Ineligible)
	}
	return nil
}

// line tells of an event in one line.
func (e event) line() string {
	line := fmt.Sprintf("%s  %s by %s", instant(e.At), e.Kind, e.who())
	if e.To != "" {
		line += ": " + e.To
	}
	if detail := e.detail(); detail != "" {
		line += " (" + detail + ")"
	}
	return cell(line)
}

type batchesWatchCommand struct {
	watching
	ID uuid.UUID `arg:"" name:"id" help:"The batch's id."`
	remote
}

// Help is the detailed help.
func (batchesWatchCommand) Help() string {
	return `Tells how far the batch has come, and ends when every SIM has its outcome: with exit code 0 if all were transferred, and 7 if some were not. Ctrl-C ends the watching alone. With --json it prints the batch whenever it has changed.

Examples:

    simtransfer batches watch 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21
    simtransfer batches watch 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --until=decision`
}

// Run carries the command out.
func (c *batchesWatchCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	return c.followBatch(ctx, l, c.ID.String())
}

func (c watching) followBatch(ctx context.Context, l *link, id string) error {
	w := &batchWatcher{watcher: watcher{link: l}, id: id}
	defer w.progress.clear()
	if err := c.follow(ctx, l, c.resume(l, "batches", id), func(ctx context.Context) (bool, error) {
		if err := w.look(ctx); err != nil || w.now.Finished || c.Until != "decision" {
			return w.now.Finished, err
		}
		return w.idle(ctx)
	}); err != nil {
		return err
	}
	w.progress.clear()
	if !l.json {
		if err := printBatch(l, w.now); err != nil {
			return err
		}
	}
	if !w.now.Finished {
		return nil
	}
	return incomplete(l, w.now.Counts, "simtransfer batches results "+id)
}

type batchWatcher struct {
	watcher
	id  string
	now batch
}

func (w *batchWatcher) look(ctx context.Context) error {
	w.now = batch{}
	answer, err := w.get(ctx, place("batches", w.id), &w.now)
	if err != nil {
		return err
	}
	if w.json {
		return w.print(answer)
	}
	c := w.now.Counts
	waiting := w.waitingFor()
	switch {
	case w.now.Finished:
	case c.Pending > 0:
		w.working("validating", c.SIMs-c.Pending, c.SIMs)
	case waiting == "":
		w.working("working", c.SIMs-c.Ineligible-c.Eligible, c.SIMs-c.Ineligible)
	case w.Terminal:
		w.progress.status(fmt.Sprintf("finished %s, waiting for %s", bar(c.SIMs-c.Ineligible-c.Eligible, c.SIMs-c.Ineligible), waiting))
	default:
		w.once("waiting for " + waiting)
	}
	return nil
}

// waitingFor counts the requests that wait for somebody, of those that a batch
// shows.
func (w *batchWatcher) waitingFor() string {
	waits := map[string]int{}
	for _, r := range w.now.Items {
		if r.WaitingFor != nil {
			waits[*r.WaitingFor]++
		}
	}
	var list []string
	for who, n := range waits {
		text := fmt.Sprintf("%s (%d requests)", who, n)
		if n == 1 {
			text = who + " (1 request)"
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// idle reports whether every request is finished or waits for somebody.
func (w *batchWatcher) idle(ctx context.Context) (bool, error) {
	busy := func(r request) bool { return r.FinishedAt == nil && r.WaitingFor == nil }
	requests := w.now.Items
	if w.now.Counts.Pending > 0 || slices.ContainsFunc(requests, busy) {
		return false, nil
	}
	if len(requests) < w.now.Requests {
		var err error
		if requests, err = batchRequests(ctx, w.link, w.id); err != nil {
			return false, err
		}
	}
	return !slices.ContainsFunc(requests, busy), nil
}

// batchRequests reads all requests of a batch.
func batchRequests(ctx context.Context, l *link, batch string) ([]request, error) {
	var all []request
	list := listing{paging: paging{All: true}, path: "/v1/transfer-requests", query: url.Values{"batch": {batch}}}
	_, err := walk(ctx, l, list, func(_ []byte, p page[request]) error {
		all = append(all, p.Items...)
		return nil
	})
	return all, err
}
