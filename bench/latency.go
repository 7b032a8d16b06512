package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/transfer"
)

// singles is how many requests of one SIM the latency is taken from.
const singles = 300

// measureLatency takes the time that one SIM needs from its acceptance, with
// nothing else to do for the service.
func measureLatency(ctx context.Context, b *bed) (err error) {
	template, err := b.inventory(ctx, b.SIMs)
	if err != nil {
		return err
	}
	db, err := b.fresh(ctx, template)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s, err := b.serve(ctx, database, db)
	if err != nil {
		return err
	}
	defer func() { err = s.stopAfter(err) }()
	requests, err := s.offerSingles(ctx, readySpares(b.SIMs, singles))
	if err != nil {
		return err
	}
	if err := b.settle(ctx, db); err != nil {
		return err
	}
	before, start := b.usage(s), time.Now()
	var took []time.Duration
	for _, request := range requests {
		d, err := s.execute(ctx, request, forth(), watching)
		if err != nil {
			return err
		}
		took = append(took, d)
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	b.say("  processor seconds in %.1f s: %s", time.Since(start).Seconds(), b.usage(s).since(before))
	b.addLatency("latency", took)
	return check(ctx, db)
}

// watching is how often the harness looks whether a short thing has ended.
const watching = time.Millisecond

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// addLatency notes the median and the 99th percentile, in milliseconds.
func (b *bed) addLatency(figure string, took []time.Duration) {
	slices.Sort(took)
	at := func(share float64) float64 {
		return float64(took[min(int(share*float64(len(took))), len(took)-1)].Microseconds()) / 1000
	}
	b.say("  %s of %d: p50 %.1f ms, p99 %.1f ms, most %.1f ms", figure, len(took), at(0.5), at(0.99), at(1))
	b.add(figure+"_p50_ms", at(0.5))
	b.add(figure+"_p99_ms", at(0.99))
	b.add(figure+"_samples", float64(len(took)))
}

// readySpares lists SIMs that are in no batch of n and need no support.
func readySpares(n, count int) []int {
	var list []int
	for number := n; len(list) < count && number < n+spare; number++ {
		if !needsSupport(number) {
			list = append(list, number)
		}
	}
	return list
}

// offerSingles makes a request for each SIM and waits until all can be accepted.
func (s *service) offerSingles(ctx context.Context, numbers []int) ([]uuid.UUID, error) {
	var requests []uuid.UUID
	for _, number := range numbers {
		made, err := s.accounts[source].CreateRequest(ctx, client.NewRequest{
			Destination:       client.Destination{Email: email(destination), OperatorID: transfer.OperatorID(operatorID(destination))},
			SIMs:              []string{identifier(number)},
			AcceptanceSeconds: 2592000,
		})
		if err != nil {
			return nil, fmt.Errorf("asking for SIM %d: %w", number, err)
		}
		requests = append(requests, made.ID)
	}
	for _, request := range requests {
		if _, err := s.awaitState(ctx, request, looking, transfer.AwaitingAcceptance); err != nil {
			return nil, err
		}
	}
	return requests, nil
}
