package worker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"simtransfer/storage"
)

// sessionPart is how many SIMs of a piece of work are committed together. After
// a crash the gateways are asked again about the sessions of up to this many SIMs.
const sessionPart = 256

// dropSessions disconnects the sessions of its SIMs and transfers the SIMs that
// are offline then, part by part. Sessions that a gateway did not end stay in
// the work for another attempt; after the last attempt their SIMs fail.
func (w *Worker) dropSessions(ctx context.Context, work storage.Work) error {
	sessions, err := w.db.SessionsOf(ctx, work)
	if err != nil {
		return err
	}
	bySIM := map[int64][]storage.OpenSession{}
	for _, s := range sessions {
		bySIM[s.N] = append(bySIM[s.N], s)
	}
	refused := storage.Refusals{Last: "the SIM came back online"}
	left := len(work.Items)
	size, limited := partOf(sessions)
	start := time.Now()
	for items := []int64(work.Items); len(items) > 0; {
		asked := work.Items[:len(work.Items)-len(items)]
		if limited && len(asked) > 0 && time.Since(start) > w.config.GatewayTurn {
			return w.endTurn(ctx, work, asked, refused)
		}
		part := items[:min(size, len(items))]
		items = items[len(part):]
		gone, err := w.drop(ctx, part, bySIM, &refused)
		if err != nil {
			return err
		}
		done, err := w.handOverDropped(ctx, work, part, gone, bySIM)
		if err != nil {
			return err
		}
		left -= done
	}
	if left == 0 {
		return nil
	}
	return w.requeue(ctx, work, refused)
}

// endTurn ends the lease on work at a gateway with limits, so that other work of the
// gateway can have its lane. Of the SIMs that were asked about, those that are left
// have had their attempt.
func (w *Worker) endTurn(ctx context.Context, work storage.Work, asked []int64, refused storage.Refusals) error {
	return w.db.InTx(ctx, func(tx *storage.Tx) error {
		current, err := tx.LockLeased(ctx, work)
		if err != nil {
			return err // ErrNotFound: nothing is left
		}
		tried, ok, err := tx.SeparateItems(ctx, current, asked)
		if err != nil || !ok {
			return err
		}
		_, err = tx.Requeue(ctx, tried, refused, w.config.DropAttempts, w.pauseOf(work))
		return err
	})
}

// drop asks the gateways to end every session of some SIMs, concurrently. It
// returns the ids of the sessions that are gone, and adds the refusals.
func (w *Worker) drop(ctx context.Context, numbers []int64, bySIM map[int64][]storage.OpenSession, refused *storage.Refusals) (map[int64]bool, error) {
	gone := map[int64]bool{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(w.config.DropSessions)
	for _, n := range numbers {
		for _, s := range bySIM[n] {
			g.Go(func() error {
				answer, err := w.ask(ctx, s)
				mu.Lock()
				defer mu.Unlock()
				if answer.Gone {
					gone[s.ID] = true
				} else if err == nil {
					refused.Add(n, answer.Why)
				}
				return err
			})
		}
	}
	return gone, g.Wait()
}

// ask asks the gateway that holds a session to end it, unless the breaker of the
// gateway is open.
func (w *Worker) ask(ctx context.Context, s storage.OpenSession) (Answer, error) {
	if s.Secret == nil || *s.Secret == "" || s.Server == nil && s.URL == nil {
		answer := Answer{Why: fmt.Sprintf("gateway %s: not asked: no gateway with this address is set up", s.NASIPAddress)}
		w.logSpell(ctx, s.NASIPAddress, answer)
		return answer, nil
	}
	silent := Answer{Silent: true, Why: fmt.Sprintf("gateway %s: no answer a moment ago", s.NASIPAddress)}
	if w.breaker.open(s.NASIPAddress) {
		return silent, nil
	}
	end, err := w.limits.of(s).begin(ctx)
	if err != nil {
		return Answer{}, fmt.Errorf("waiting to ask gateway %s: %w", s.NASIPAddress, err)
	}
	if w.breaker.open(s.NASIPAddress) {
		end(0)
		return silent, nil
	}
	sent := time.Now()
	answer, err := w.gateways.Drop(ctx, s)
	end(answer.Sent)
	if err != nil {
		return answer, fmt.Errorf("dropping session %q at gateway %s: %w", s.AcctSessionID, s.NASIPAddress, err)
	}
	if !answer.NotAsked {
		w.breaker.record(s.NASIPAddress, sent, answer.Silent)
	}
	if answer.RetryAfter > 0 {
		w.breaker.pause(s.NASIPAddress, answer.RetryAfter)
	}
	w.logSpell(ctx, s.NASIPAddress, answer)
	w.logIgnored(ctx, s.NASIPAddress, answer)
	return answer, nil
}

// logSpell logs when a gateway stops disconnecting sessions, and when it does so
// again: one line each, however many sessions it holds.
func (w *Worker) logSpell(ctx context.Context, gateway string, answer Answer) {
	switch {
	case !w.breaker.changes(gateway, !answer.Gone):
	case answer.Gone:
		w.log.InfoContext(ctx, "the gateway disconnects sessions again", "gateway", gateway)
	default:
		w.log.WarnContext(ctx, "the gateway does not disconnect a session", "gateway", gateway, "answer", answer.Why)
	}
}

// handOverDropped transfers the SIMs of a part that have no session left. It
// returns for how many SIMs the work is done.
func (w *Worker) handOverDropped(
	ctx context.Context, work storage.Work, part []int64, gone map[int64]bool, bySIM map[int64][]storage.OpenSession,
) (done int, err error) {
	var offline, dropped, ended []int64
	for _, n := range part {
		up := len(bySIM[n])
		for _, s := range bySIM[n] {
			if gone[s.ID] {
				ended = append(ended, s.ID)
				up--
			}
		}
		if up == 0 {
			offline = append(offline, n)
		}
		if up < len(bySIM[n]) {
			dropped = append(dropped, n)
		}
	}
	if len(offline) == 0 && len(ended) == 0 {
		return 0, nil
	}
	err = w.db.InTx(ctx, func(tx *storage.Tx) error {
		current, err := tx.LockLeased(ctx, work)
		if err != nil {
			return err
		}
		if err := tx.LockSIMs(ctx, current, offline); err != nil {
			return err
		}
		if err := tx.CloseSessions(ctx, ended); err != nil {
			return err
		}
		done, err = tx.HandOverDropped(ctx, current, offline, dropped)
		return err
	})
	return done, err
}
