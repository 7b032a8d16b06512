package main

import (
	"context"
	"errors"
)

// measureEndToEnd measures the time from the first byte of an upload to the last
// completed transfer. Support and the destination decide as soon as possible.
func measureEndToEnd(ctx context.Context, h *harness) (err error) {
	template, err := h.inventory(ctx, h.SIMs)
	if err != nil {
		return err
	}
	db, err := h.copyTemplate(ctx, template)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s, err := h.serve(ctx, database, db)
	if err != nil {
		return err
	}
	defer func() { err = s.stopAfter(err) }()
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
}
