package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"simtransfer/storage"
)

// measureBaseline makes the row changes of a whole request in one transaction of one
// session: the least work that they take in PostgreSQL without parallel sessions and
// without a queue. The result passes simtransfer check.
func measureBaseline(ctx context.Context, h *harness) error {
	template, err := h.approvedTemplate(ctx, h.SIMs)
	if err != nil {
		return err
	}
	db, err := h.copyTemplate(ctx, template)
	if err != nil {
		return err
	}
	session, err := h.session(ctx)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	defer func() { _ = errors.Join(session.Close(), db.Close()) }()
	request, err := approvedRequest(ctx, db)
	if err != nil {
		return err
	}
	if err := h.vacuumAndCheckpoint(ctx, db); err != nil {
		return err
	}
	before, start := h.usage(nil), time.Now()
	if err := moveAll(ctx, session, request); err != nil {
		return err
	}
	took := time.Since(start)
	h.recordRun(ctx, db, "baseline", took, h.usage(nil).since(before))
	return verify(ctx, db, expected{moved: h.SIMs, whole: true})
}

// approvedRequest returns the request that waits for its destination.
func approvedRequest(ctx context.Context, db *storage.DB) (id uuid.UUID, err error) {
	if err := db.Pool().GetContext(ctx, &id, `SELECT id FROM requests WHERE state = 'awaiting_acceptance'`); err != nil {
		return id, fmt.Errorf("finding the request: %w", err)
	}
	return id, nil
}

// moveAll makes the row changes. The snapshots come first, while the SIMs still have
// their old settings.
func moveAll(ctx context.Context, session *sqlx.DB, request uuid.UUID) error {
	tx, err := session.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, statement := range baselineStatements() {
		if _, err := tx.ExecContext(ctx, statement, request); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return tx.Commit()
}

func baselineStatements() []string {
	return []string{
		`
		INSERT INTO registrations (sim, since, account, request, n, before, after)
		SELECT
			s.id,
			now(),
			r.destination,
			r.id,
			t.n,
			ROW(s.tags, s.expiration, s.termination_protection, s.sim_group, s.event_handlers, s.speed_class, s.containers,
				s.imei_lock, s.plan)::sim_settings,
			CASE t.method
				WHEN 'self_service' THEN ROW('{}', NULL, false, NULL, '[]', NULL, s.containers, NULL, s.plan)::sim_settings
				ELSE ROW(s.tags, s.expiration, s.termination_protection, NULL, '[]', NULL, s.containers, s.imei_lock, s.plan)::sim_settings
			END
		FROM requests r
		JOIN transfers t ON t.request = r.id
		JOIN sims s ON s.id = t.sim
		WHERE r.id = $1 AND t.state = 'eligible'`, `
		UPDATE transfers
		SET state = 'completed', finished_at = clock_timestamp()
		WHERE request = $1 AND state = 'eligible'`, `
		UPDATE sims s
		SET account = r.destination,
			since = now(),
			tags = CASE t.method WHEN 'self_service' THEN '{}' ELSE s.tags END,
			expiration = CASE t.method WHEN 'self_service' THEN NULL ELSE s.expiration END,
			termination_protection = CASE t.method WHEN 'self_service' THEN false ELSE s.termination_protection END,
			sim_group = NULL,
			event_handlers = '[]',
			speed_class = NULL,
			imei_lock = CASE t.method WHEN 'self_service' THEN NULL ELSE s.imei_lock END
		FROM transfers t, requests r
		WHERE r.id = $1 AND t.request = r.id AND s.id = t.sim`, `
		INSERT INTO charges (request, n, account, amount, currency)
		SELECT t.request, t.n, r.source, t.fee, a.currency
		FROM transfers t
		JOIN requests r ON r.id = t.request
		JOIN accounts a ON a.id = r.source
		WHERE t.request = $1 AND t.fee > 0`,
		`
		INSERT INTO changes (kind, source, destination, request, numbers)
		SELECT 'transferred', r.source, r.destination, r.id, int4multirange(int4range(0, r.size))
		FROM requests r
		WHERE r.id = $1`,
		`DELETE FROM open_transfers WHERE request = $1`, `
		UPDATE requests
		SET state = 'completed',
			n_completed = n_eligible,
			n_eligible = 0,
			n_support = 0,
			charged = quoted,
			quoted = 0,
			last_event = last_event + 1,
			expires_at = NULL,
			finished_at = clock_timestamp()
		WHERE id = $1`, `
		INSERT INTO events (request, source, destination, seq, kind, party, from_state, to_state, detail)
		SELECT id, source, destination, last_event, 'accept', 'destination', 'awaiting_acceptance', 'completed', jsonb_build_object('completed', n_completed)
		FROM requests
		WHERE id = $1`,
	}
}
