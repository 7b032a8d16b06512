package worker

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"simtransfer/storage"
	"simtransfer/transfer"
	"simtransfer/webhook"
)

// How a lane sends: the messages of one endpoint.
const (
	laneWidth = 8                // messages that are on their way at once
	lanePage  = 200              // messages that are read at once
	laneTurn  = 20 * time.Second // after which the next lane can have the slot
)

// Pauses of a lane whose receiver does not answer, or asks for one.
const (
	firstLanePause = 5 * time.Second
	maxLanePause   = 5 * time.Minute
)

// errLaneStopped ends the turn of a lane without an error.
var errLaneStopped = errors.New("nothing more is sent in this turn")

// deliverWebhooks sends the messages that are due to one endpoint. No other
// worker sends to it meanwhile, because of the lease. What came of an attempt is
// recorded at once, so that after a crash few messages are sent again, and none
// of them more than once.
func (w *Worker) deliverWebhooks(ctx context.Context, work storage.Work) error {
	lane, err := w.db.WebhookLane(ctx, work)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return w.db.CloseLane(ctx, work)
	case err != nil:
		return err
	}
	end := time.Now().Add(laneTurn)
	for time.Now().Before(end) && !w.isStopping() {
		due, err := w.db.DueDeliveries(ctx, lane.Endpoint, lanePage)
		if err != nil {
			return err
		}
		if len(due) == 0 {
			break
		}
		if lane.Failures > 0 || !lane.Proven {
			due = due[:1] // find out whether it answers
		}
		switch err := w.sendAll(ctx, work, &lane, due, end); {
		case errors.Is(err, errLaneStopped):
			return w.db.CloseLane(ctx, work)
		case err != nil:
			return err
		}
	}
	return w.db.CloseLane(ctx, work)
}

func (w *Worker) isStopping() bool {
	select {
	case <-w.stopping:
		return true
	default:
		return false
	}
}

// sendAll sends messages, several at once, and records what came of it. It
// returns errLaneStopped if nothing more is to be sent to the endpoint now.
func (w *Worker) sendAll(ctx context.Context, work storage.Work, lane *storage.WebhookLane, due []storage.DueDelivery, end time.Time) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	todo := make(chan storage.DueDelivery)
	stop := make(chan struct{}) // closed when nothing more is to be sent
	stopOnce := sync.OnceFunc(func() { close(stop) })
	defer stopOnce()
	go func() {
		defer close(todo)
		for _, d := range due {
			if time.Now().After(end) || w.isStopping() {
				return
			}
			select {
			case todo <- d:
			case <-stop:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	results := make(chan attempt, len(due))
	to := *lane // which changes below, with the answers
	var senders sync.WaitGroup
	for range min(laneWidth, len(due)) {
		senders.Go(func() {
			for d := range todo {
				answer, err := w.webhooks.Send(ctx, message(to, d))
				if err != nil {
					return // the lease was lost, or the worker is at its end
				}
				results <- attempt{d, answer}
				if pauseAfter(answer, 0) > 0 {
					stopOnce()
					return
				}
			}
		})
	}
	go func() {
		senders.Wait()
		close(results)
	}()
	stopped := false
	for {
		list := takeAll(results)
		if len(list) == 0 {
			break
		}
		records, health := w.judge(*lane, list)
		disabled, err := w.db.RecordDeliveries(ctx, work, *lane, records, health)
		if err != nil {
			return err
		}
		lane.Slow = health.Slow
		if health.Succeeded {
			lane.Failures, lane.Proven = 0, true
		}
		if disabled {
			w.log.WarnContext(ctx, "a webhook endpoint was disabled", "endpoint", lane.Endpoint.String(), "failure", health.Failure)
		}
		if disabled || health.Pause > 0 {
			stopped = true
			stopOnce()
		}
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case stopped:
		return errLaneStopped
	}
	return nil
}

// attempt is a message that was sent, and the answer.
type attempt struct {
	delivery storage.DueDelivery
	answer   webhook.Answer
}

// takeAll waits for a result and returns it with those that are there already.
// It returns none at the end.
func takeAll(results <-chan attempt) []attempt {
	first, ok := <-results
	if !ok {
		return nil
	}
	list := []attempt{first}
	for {
		select {
		case r, ok := <-results:
			if !ok {
				return list
			}
			list = append(list, r)
		default:
			return list
		}
	}
}

func message(lane storage.WebhookLane, d storage.DueDelivery) webhook.Message {
	m := webhook.Message{URL: lane.URL, ID: d.Event, Secrets: [][]byte{lane.Secret}, Body: d.Body}
	if lane.OldSecret != nil {
		m.Secrets = append(m.Secrets, lane.OldSecret)
	}
	return m
}

// judge returns what to record of some attempts.
func (w *Worker) judge(lane storage.WebhookLane, list []attempt) ([]storage.WebhookAttempt, storage.WebhookHealth) {
	health := storage.WebhookHealth{Slow: lane.Slow}
	records := make([]storage.WebhookAttempt, len(list))
	for i, r := range list {
		a := r.answer
		made := r.delivery.Attempts + 1
		records[i] = storage.WebhookAttempt{
			Delivery: r.delivery.ID, Attempts: made, At: a.At, Took: a.Took, Status: a.Status, Error: a.Error,
			RequestHeaders: a.RequestHeaders, ResponseHeaders: a.ResponseHeaders, Response: a.Body,
		}
		if a.Error == "" {
			health.Succeeded, health.Slow = true, false
			continue
		}
		wait, again := transfer.NextAttempt(made, rand.Float64(), a.RetryAfter) //nolint:gosec // a jitter is no secret
		records[i].Wait, records[i].Last = wait, !again
		health.Failure = a.Error
		health.Gone = health.Gone || a.Status == http.StatusGone
		health.Pause = max(health.Pause, pauseAfter(a, lane.Failures))
	}
	for _, r := range list {
		health.Slow = health.Slow || r.answer.TimedOut
	}
	return records, health
}

// pauseAfter returns how long nothing is to be sent to an endpoint after an
// answer; zero: no pause.
func pauseAfter(a webhook.Answer, failures int) time.Duration {
	if a.RetryAfter > 0 {
		return min(a.RetryAfter, transfer.MaxRetryAfter)
	}
	switch {
	case a.Silent, a.Status == http.StatusTooManyRequests, a.Status == http.StatusBadGateway,
		a.Status == http.StatusServiceUnavailable, a.Status == http.StatusGatewayTimeout:
		return min(firstLanePause<<min(failures, 10), maxLanePause)
	}
	return 0
}
