package main

import (
	"context"

	"simtransfer/storage"
)

// measureEndToEnd measures the time from the first byte of an upload to the last
// completed transfer. Support and the destination decide as soon as possible.
func measureEndToEnd(ctx context.Context, h *harness) error {
	template, err := h.inventory(ctx, h.SIMs)
	if err != nil {
		return err
	}
	return h.onService(ctx, template, func(db *storage.DB, s *service) error {
		if err := h.vacuumAndCheckpoint(ctx, db); err != nil {
			return err
		}
		before := h.usage(s)
		p, err := s.endToEnd(ctx, upTo(h.SIMs), forth())
		if err != nil {
			return err
		}
		h.recordRun(ctx, db, "end_to_end", p.total(), h.usage(s).since(before))
		h.logf("  upload %v, validation %v, approval %v, execution %v; %d calls", p.upload, p.validate, p.approve, p.execute, p.calls)
		h.record("end_to_end_upload_s", p.upload.Seconds())
		h.record("end_to_end_validate_s", p.validate.Seconds())
		h.record("end_to_end_execute_s", (p.approve + p.execute).Seconds())
		h.record("end_to_end_calls", float64(p.calls))
		return verify(ctx, db, expected{moved: h.SIMs, whole: true})
	})
}
