package main

import (
	"context"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"simtransfer/storage"
)

// measureMillion transfers a batch of ten times the usual size and, at the same
// time, single SIMs. It measures the latency of the single SIMs and the peak memory
// of the processes.
func measureMillion(ctx context.Context, h *harness) error {
	n := min(10*h.SIMs, 1000000)
	template, err := h.inventory(ctx, n)
	if err != nil {
		return err
	}
	return h.onService(ctx, template, func(db *storage.DB, s *service) error {
		requests, err := s.createSingles(ctx, readySpares(n, spare/2))
		if err != nil {
			return err
		}
		if err := h.vacuumAndCheckpoint(ctx, db); err != nil {
			return err
		}
		file := csv(upTo(n), destination)
		before := h.usage(s)

		var p phases
		var took []time.Duration
		over := make(chan struct{})
		g, running := errgroup.WithContext(ctx)
		g.Go(func() (err error) {
			defer close(over)
			var request uuid.UUID
			if p, request, err = s.createAndApproveTimed(running, file, forth()); err != nil {
				return err
			}
			p.execute, err = s.execute(running, request, forth(), 20*time.Millisecond)
			return err
		})
		g.Go(func() (err error) {
			took, err = s.executeSingles(running, requests, over)
			return err
		})
		if err := g.Wait(); err != nil {
			return err
		}
		h.recordRun(ctx, db, "million", p.total(), h.usage(s).since(before))
		h.logf("  upload %v, validation %v, execution %v", p.upload, p.validate, p.execute)
		h.record("million_sims", float64(n))
		h.addLatency("busy_latency", took)
		for _, program := range s.programs {
			peak, err := peakMemory(program.Pid)
			if err != nil {
				return err
			}
			h.logf("  %s: peak memory %.1f MiB", program.Name, peak)
			h.record("memory_"+program.Name+"_mib", peak)
		}
		return check(ctx, db)
	})
}

// executeSingles accepts requests one after the other until over is closed.
func (s *service) executeSingles(ctx context.Context, requests []uuid.UUID, over <-chan struct{}) ([]time.Duration, error) {
	var took []time.Duration
	for _, request := range requests {
		d, err := s.execute(ctx, request, forth(), singlePoll)
		if err != nil {
			return nil, err
		}
		took = append(took, d)
		select {
		case <-over:
			return took, nil
		case <-time.After(20 * time.Millisecond):
		}
	}
	<-over
	return took, nil
}
