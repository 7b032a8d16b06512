package main

import (
	"context"
	"fmt"

	"simtransfer/storage"
)

// backAndForth is the number of consecutive batches.
const backAndForth = 10

// measureVacuum transfers the same SIMs back and forth between two accounts, in
// consecutive batches. If autovacuum keeps up, the last is as fast as the first.
func measureVacuum(ctx context.Context, h *harness) error {
	template, err := h.inventory(ctx, h.SIMs)
	if err != nil {
		return err
	}
	return h.onService(ctx, template, func(db *storage.DB, s *service) error {
		if err := h.vacuumAndCheckpoint(ctx, db); err != nil {
			return err
		}
		for i := range backAndForth {
			d := forth()
			if i%2 == 1 {
				d = back()
			}
			p, err := s.endToEnd(ctx, upTo(h.SIMs), d)
			if err != nil {
				return err
			}
			h.logf("  batch %d: %.2f s, of which execution %.2f s", i+1, p.total().Seconds(), p.execute.Seconds())
			h.record(fmt.Sprintf("vacuum_end_to_end_%02d_s", i+1), p.total().Seconds())
			h.record(fmt.Sprintf("vacuum_execute_%02d_s", i+1), p.execute.Seconds())
		}
		return check(ctx, db)
	})
}
