package main

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"simtransfer/storage"
)

// measureOffline measures the time from the call that accepts a request to its last
// completed transfer, without open sessions.
func measureOffline(ctx context.Context, h *harness) error {
	return measureExecute(ctx, h, "simtransfer", false)
}

// measureOnline measures the same with a tenth of the SIMs online.
func measureOnline(ctx context.Context, h *harness) error {
	return measureExecute(ctx, h, "online", true)
}

func measureExecute(ctx context.Context, h *harness, figure string, online bool) (err error) {
	template, err := h.approvedTemplate(ctx, h.SIMs)
	if err != nil {
		return err
	}
	db, err := h.copyTemplate(ctx, template)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	want := expected{moved: h.SIMs, whole: true}
	if online {
		if want.dropped, err = h.connect(ctx, db, upTo(h.SIMs)); err != nil {
			return err
		}
	}
	request, err := approvedRequest(ctx, db)
	if err != nil {
		return err
	}
	if err := h.executeOn(ctx, database, db, request, figure); err != nil {
		return err
	}
	return verify(ctx, db, want)
}

// executeOn starts a service on a database and measures how long a request takes.
func (h *harness) executeOn(ctx context.Context, name string, db *storage.DB, request uuid.UUID, figure string) (err error) {
	s, err := h.serve(ctx, name, db)
	if err != nil {
		return err
	}
	defer func() { err = s.stopAfter(err) }()
	if err := h.vacuumAndCheckpoint(ctx, db); err != nil {
		return err
	}
	before := h.usage(s)
	took, err := s.execute(ctx, request, forth(), batchPoll)
	if err != nil {
		return err
	}
	h.recordRun(ctx, db, figure, took, h.usage(s).since(before))
	return nil
}
