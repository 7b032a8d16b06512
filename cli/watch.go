package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/transfer"
)

// watching is embedded in the commands that follow something.
type watching struct {
	Interval time.Duration `min:"100ms" max:"1h" default:"1s" help:"Time between polls. The first polls follow each other more quickly."`
	Until    string        `enum:"finished,decision" default:"finished" help:"When to stop: finished, when every SIM has its outcome; decision, when support or the destination has to decide."`
}

// firstPoll is the time before the second poll; it doubles up to --interval.
const firstPoll = 100 * time.Millisecond

// poll calls look until it is done. It polls instead of waiting for server-sent
// events, because those do not contain the progress of the work. If it is
// interrupted, it prints the command that resume returns.
func (w watching) poll(ctx context.Context, l *connection, resume func() string, look func(context.Context) (done bool, err error)) error {
	for pause := min(firstPoll, w.Interval); ; pause = min(2*pause, w.Interval) {
		done, err := look(ctx)
		if err == nil && !done {
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
		switch {
		case err == nil && done:
			return nil
		case ctx.Err() != nil:
			l.progress.say("Stopped watching; the work continues. To resume: %s", resume())
			return Reported(ctx.Err())
		case err != nil && ExitCode(err) == ExitUnavailable && !errors.Is(err, ErrReported):
			return fmt.Errorf("%w\nThe work continues when the service is available again. To resume: %s", err, resume())
		case err != nil:
			return err
		}
	}
}

// resumeCommand returns the command that continues to watch.
func (w watching) resumeCommand(l *connection, kind string, id uuid.UUID) func() string {
	line := fmt.Sprintf("simtransfer %s watch %s", kind, id)
	if w.Until == "decision" {
		line += " --until=decision"
	}
	if l.json {
		line += " --json"
	}
	return func() string { return line }
}

// outcome returns an error if not all SIMs of something finished were
// transferred. It refers to the command that shows the details.
func outcome(l *connection, c client.Counts, detailsCommand string) error {
	left := c.SIMs - c.Completed
	if left == 0 {
		return nil
	}
	what := fmt.Sprintf("%d of %d SIMs were not transferred", left, c.SIMs)
	switch {
	case c.SIMs == 1:
		what = "the SIM was not transferred"
	case c.Completed == 0:
		what = fmt.Sprintf("none of %d SIMs was transferred", c.SIMs)
	}
	err := &exitError{ExitIncomplete, fmt.Errorf("%s; for details: %s", what, detailsCommand)}
	if l.json {
		return Reported(err)
	}
	return err
}

// watcher is what the watchers of requests and batches have in common.
type watcher struct {
	*connection
	printed []byte // the last answer that was printed with --json
	said    string // the last line of sayOnce
}

// printChanged prints the last answer of the API if it differs from the one
// before.
func (w *watcher) printChanged() error {
	if bytes.Equal(w.answer, w.printed) {
		return nil
	}
	w.printed = w.answer
	return w.show(nil)
}

// sayProgress shows the progress of a step: with a progress bar on a terminal,
// otherwise with a line per 10 %.
func (w *watcher) sayProgress(step string, done, total int) {
	w.progress.statusBar(fmt.Sprintf("%-12s", step), done, total, "")
	if !w.Terminal && done > 0 && done < total {
		w.sayOnce(fmt.Sprintf("%s: %d %%", step, 10*(10*done/total)))
	}
}

// sayWaiting shows who has to decide.
func (w *watcher) sayWaiting(text string) {
	w.progress.status(text)
	if !w.Terminal {
		w.sayOnce(text)
	}
}

// sayOnce writes a line unless it is the same as the last one.
func (w *watcher) sayOnce(line string) {
	if line != w.said {
		w.progress.say("%s", line)
		w.said = line
	}
}

type requestsWatchCommand struct {
	watching
	IDs []uuid.UUID `arg:"" name:"id" help:"Ids of the requests, which are followed one after the other."`
	remote
}

// Help returns the detailed help.
func (requestsWatchCommand) Help() string {
	return `Shows events and progress until every SIM has its outcome. The exit code is 0 if all SIMs were transferred, and 7 if some were not. Ctrl-C stops watching, not the transfer. With --json, prints the request each time it changes.

Examples:

    simtransfer requests watch 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21
    simtransfer requests watch 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --until=decision && echo "ready for a decision"`
}

// Run runs the command.
func (c *requestsWatchCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	return forEach(l, c.IDs, func(id uuid.UUID) error { return c.one(ctx, l, id) })
}

// one follows a request.
func (c *requestsWatchCommand) one(ctx context.Context, l *connection, id uuid.UUID) error {
	w := &requestWatcher{watcher: watcher{connection: l}, id: id}
	defer w.progress.clear()
	if err := c.poll(ctx, l, c.resumeCommand(l, "requests", id), func(ctx context.Context) (bool, error) {
		if err := w.look(ctx); err != nil {
			return false, err
		}
		return w.now.FinishedAt != nil || c.Until == "decision" && w.now.NextAction != nil, nil
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
	return outcome(l, w.now.Counts, fmt.Sprintf("simtransfer requests show %s --sims", id))
}

type requestWatcher struct {
	watcher
	id  uuid.UUID
	now client.Request
	seq int // of the last event shown
}

// look reads the request before its events: when the request is finished, no
// event is missing.
func (w *requestWatcher) look(ctx context.Context) (err error) {
	w.now, err = w.client.GetRequest(ctx, w.id, w.options()...)
	if err != nil {
		return w.explain(err)
	}
	if w.json {
		return w.printChanged()
	}
	p := paging{All: true, Cursor: strconv.Itoa(w.seq)}
	if _, err := walk(w.connection, p, maxPage, listEvents(ctx, w.connection, w.id), func(p client.Page[client.Event]) error {
		for _, e := range p.Items {
			w.progress.say("%s", eventLine(e))
			w.seq = e.Seq
		}
		return nil
	}); err != nil {
		return err
	}
	c := w.now.Counts
	switch {
	case w.now.FinishedAt != nil:
	case w.now.NextAction != nil:
		w.sayWaiting(fmt.Sprintf("waiting for %s until %s", w.now.NextAction.Party, timeText(w.now.NextAction.Until)))
	case w.now.State == transfer.Validating:
		w.sayProgress("validating", c.SIMs-c.Pending, c.SIMs)
	default:
		w.sayProgress(string(w.now.State), c.SIMs-c.Ineligible-c.Eligible, c.SIMs-c.Ineligible)
	}
	return nil
}

// eventLine describes an event in one line.
func eventLine(e client.Event) string {
	line := fmt.Sprintf("%s  %s by %s", timeText(e.At), e.Kind, actorText(e))
	if e.To != "" {
		line += ": " + string(e.To)
	}
	if detail := detailText(e); detail != "" {
		line += " (" + detail + ")"
	}
	return cell(line)
}

type batchesWatchCommand struct {
	watching
	IDs []uuid.UUID `arg:"" name:"id" help:"Ids of the batches, which are followed one after the other."`
	remote
}

// Help returns the detailed help.
func (batchesWatchCommand) Help() string {
	return `Shows progress until every SIM has its outcome. The exit code is 0 if all SIMs were transferred, and 7 if some were not. Ctrl-C stops watching, not the transfers. With --json, prints the batch each time it changes.

Examples:

    simtransfer batches watch 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21
    simtransfer batches watch 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --until=decision`
}

// Run runs the command.
func (c *batchesWatchCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	return forEach(l, c.IDs, func(id uuid.UUID) error { return c.followBatch(ctx, l, id) })
}

func (w watching) followBatch(ctx context.Context, l *connection, id uuid.UUID) error {
	b := &batchWatcher{watcher: watcher{connection: l}, id: id}
	defer b.progress.clear()
	if err := w.poll(ctx, l, w.resumeCommand(l, "batches", id), func(ctx context.Context) (bool, error) {
		if err := b.look(ctx); err != nil || b.now.Finished || w.Until != "decision" {
			return b.now.Finished, err
		}
		return b.idle(ctx)
	}); err != nil {
		return err
	}
	b.progress.clear()
	if !l.json {
		if err := printBatch(l, b.now); err != nil {
			return err
		}
	}
	if !b.now.Finished {
		return nil
	}
	return outcome(l, b.now.Counts, "simtransfer batches results "+id.String())
}

type batchWatcher struct {
	watcher
	id  uuid.UUID
	now client.Batch
}

func (w *batchWatcher) look(ctx context.Context) (err error) {
	w.now, err = w.client.GetBatch(ctx, w.id, w.options()...)
	if err != nil {
		return w.explain(err)
	}
	if w.json {
		return w.printChanged()
	}
	c := w.now.Counts
	waiting := w.waitingFor()
	switch {
	case w.now.Finished:
	case c.Pending > 0:
		w.sayProgress("validating", c.SIMs-c.Pending, c.SIMs)
	case waiting == "":
		w.sayProgress("transferring", c.SIMs-c.Ineligible-c.Eligible, c.SIMs-c.Ineligible)
	case w.Terminal:
		w.progress.statusBar("waiting for "+waiting, c.SIMs-c.Ineligible-c.Eligible, c.SIMs-c.Ineligible, " done")
	default:
		w.sayOnce("waiting for " + waiting)
	}
	return nil
}

// waitingFor lists who has to decide on how many of the requests that the batch
// contains.
func (w *batchWatcher) waitingFor() string {
	waits := map[transfer.Party]int{}
	for _, r := range w.now.Requests {
		if r.NextAction != nil {
			waits[r.NextAction.Party]++
		}
	}
	var list []string
	for party, n := range waits {
		list = append(list, fmt.Sprintf("%s (%s)", party, counted(n, "request", "requests")))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// idle reports whether every request is finished or waits for a decision.
func (w *batchWatcher) idle(ctx context.Context) (bool, error) {
	busy := func(r client.Request) bool { return r.FinishedAt == nil && r.NextAction == nil }
	requests := w.now.Requests
	if w.now.Counts.Pending > 0 || slices.ContainsFunc(requests, busy) {
		return false, nil
	}
	if len(requests) < w.now.Size {
		requests = nil
		list := listRequests(ctx, w.connection, client.RequestFilter{Batch: w.id.String()})
		for r, err := range client.All(list) {
			if err != nil {
				return false, w.explain(err)
			}
			requests = append(requests, r)
		}
	}
	return !slices.ContainsFunc(requests, busy), nil
}
