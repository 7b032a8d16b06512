package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"simtransfer/storage"
)

// measureOffline measures the time from the call that accepts a request to its last
// completed transfer, without open sessions.
func measureOffline(ctx context.Context, h *harness) error {
	return measureExecute(ctx, h, "simtransfer", nil)
}

// measureOnline measures the same with a tenth of the SIMs online.
func measureOnline(ctx context.Context, h *harness) error {
	return measureExecute(ctx, h, "online", func(ctx context.Context, db *storage.DB) (int, error) {
		n, err := h.connect(ctx, db, upTo(h.SIMs))
		return n, errors.Join(err, h.vacuumAndCheckpoint(ctx, db))
	})
}

// measureOnlineStale measures the same with statistics from a time at which twice as
// many sessions as there are SIMs had ended, and none was open.
func measureOnlineStale(ctx context.Context, h *harness) error {
	return measureExecute(ctx, h, "online_stale", func(ctx context.Context, db *storage.DB) (int, error) {
		for _, statement := range []string{
			`ALTER TABLE radius.radacct SET (autovacuum_enabled = off)`,
			`ALTER TABLE radius.radacct DISABLE TRIGGER session_start`,
			`INSERT INTO radius.radacct (sim, acctsessionid, acctuniqueid, nasipaddress, acctstarttime, acctstoptime)
			SELECT s.id, 'ended-' || s.id || '-' || n, 'ended-' || s.id || '-' || n, '192.0.2.1', clock_timestamp() - interval '1 day', clock_timestamp() - interval '1 hour'
			FROM sims s
			CROSS JOIN generate_series(1, 2) n`,
			`ALTER TABLE radius.radacct ENABLE TRIGGER session_start`,
		} {
			if _, err := db.Pool().ExecContext(ctx, statement); err != nil {
				return 0, fmt.Errorf("ending sessions: %w", err)
			}
		}
		if err := h.vacuumAndCheckpoint(ctx, db); err != nil {
			return 0, err
		}
		return h.connect(ctx, db, upTo(h.SIMs))
	})
}

// measureExecute measures an execution. Connect opens sessions of SIMs, prepares the
// database for the measurement, and returns the number of sessions. If it is nil, there
// are none.
func measureExecute(ctx context.Context, h *harness, figure string, connect func(context.Context, *storage.DB) (int, error)) (err error) {
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
	request, err := approvedRequest(ctx, db)
	if err != nil {
		return err
	}
	prepare := h.vacuumAndCheckpoint
	if connect != nil {
		prepare = func(ctx context.Context, db *storage.DB) (err error) {
			want.dropped, err = connect(ctx, db)
			return err
		}
	}
	if err := h.executeOn(ctx, database, db, request, figure, prepare); err != nil {
		return err
	}
	return verify(ctx, db, want)
}

// executeOn starts a service on a database, prepares the database, and measures how long
// a request takes.
func (h *harness) executeOn(
	ctx context.Context, name string, db *storage.DB, request uuid.UUID, figure string, prepare func(context.Context, *storage.DB) error,
) (err error) {
	s, err := h.serve(ctx, name, db)
	if err != nil {
		return err
	}
	defer func() { err = s.stopAfter(err) }()
	if err := prepare(ctx, db); err != nil {
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
