package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// singles is the number of requests for one SIM whose latency is measured.
const singles = 300

// measureLatency measures how long the transfer of one SIM takes from its acceptance
// on an idle service.
func measureLatency(ctx context.Context, h *harness) error {
	template, err := h.inventory(ctx, h.SIMs)
	if err != nil {
		return err
	}
	return h.onService(ctx, template, func(db *storage.DB, s *service) error {
		requests, err := s.createSingles(ctx, readySpares(h.SIMs, singles))
		if err != nil {
			return err
		}
		if err := h.vacuumAndCheckpoint(ctx, db); err != nil {
			return err
		}
		before, start := h.usage(s), time.Now()
		var took []time.Duration
		for _, request := range requests {
			d, err := s.execute(ctx, request, forth(), singlePoll)
			if err != nil {
				return err
			}
			took = append(took, d)
			if err := pause(ctx, 10*time.Millisecond); err != nil {
				return err
			}
		}
		h.logf("  processor seconds in %.1f s: %s", time.Since(start).Seconds(), h.usage(s).since(before))
		h.addLatency("latency", took)
		return check(ctx, db)
	})
}

// singlePoll is the interval at which a request for one SIM is checked for its end.
const singlePoll = time.Millisecond

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// addLatency records the median and the 99th percentile, in milliseconds.
func (h *harness) addLatency(figure string, took []time.Duration) {
	slices.Sort(took)
	at := func(share float64) float64 {
		return float64(took[min(int(share*float64(len(took))), len(took)-1)].Microseconds()) / 1000
	}
	h.logf("  %s of %d: p50 %.1f ms, p99 %.1f ms, max %.1f ms", figure, len(took), at(0.5), at(0.99), at(1))
	h.record(figure+"_p50_ms", at(0.5))
	h.record(figure+"_p99_ms", at(0.99))
	h.record(figure+"_samples", float64(len(took)))
}

// readySpares returns SIMs that are not in the batch of n and need no support.
func readySpares(n, count int) []int {
	var list []int
	for number := n; len(list) < count && number < n+spare; number++ {
		if !needsSupport(number) {
			list = append(list, number)
		}
	}
	return list
}

// createSingles creates a request for each SIM, and waits until all can be accepted.
func (s *service) createSingles(ctx context.Context, numbers []int) ([]uuid.UUID, error) {
	var requests []uuid.UUID
	for _, number := range numbers {
		created, err := s.accounts[source].CreateRequest(ctx, client.NewRequest{
			Destination:       client.Destination{Email: email(destination), OperatorID: transfer.AccountRef(operatorID(destination))},
			SIMs:              []string{identifier(number)},
			AcceptanceSeconds: 2592000,
		})
		if err != nil {
			return nil, fmt.Errorf("creating a request for SIM %d: %w", number, err)
		}
		requests = append(requests, created.ID)
	}
	for _, request := range requests {
		if _, err := s.awaitState(ctx, request, batchPoll, transfer.AwaitingAcceptance); err != nil {
			return nil, err
		}
	}
	return requests, nil
}
