package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"simtransfer/transfer"
)

// peer is the usual design on a job queue: one job per SIM, with its own
// transaction. It uses the schema of simtransfer and makes the same changes to a
// SIM. It is not slowed down unnecessarily: it updates no counter on the row of the
// request, whose lock would serialize all its transactions; its jobs run in this
// process; and pgx prepares every statement once per connection.
type peer struct {
	pool *pgxpool.Pool

	request             uuid.UUID
	source, destination int64
	currency            string

	left atomic.Int64  // number of SIMs not yet transferred
	done chan struct{} // closed when left is 0
}

const (
	peerSIMs        = 20000 // maximum; the rate does not depend on the number
	peerConnections = 40
)

// measurePeer measures how long a job queue takes for the SIMs of a request. run
// enqueues the numbers and processes them until the peer is done.
func measurePeer(ctx context.Context, h *harness, figure string, prepare, run func(context.Context, *peer, []int) error) (err error) {
	template, err := h.approvedTemplate(ctx, h.SIMs)
	if err != nil {
		return err
	}
	db, err := h.copyTemplate(ctx, template)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	numbers := upTo(min(h.SIMs, peerSIMs))
	p, err := newPeer(ctx, h.stack.DatabaseURL(database), len(numbers))
	if err != nil {
		return err
	}
	defer p.pool.Close()
	if err := prepare(ctx, p, numbers); err != nil {
		return err
	}
	if err := h.vacuumAndCheckpoint(ctx, db); err != nil {
		return err
	}
	before, start := h.usage(nil), time.Now()
	if err := run(ctx, p, numbers); err != nil {
		return err
	}
	took := time.Since(start)
	h.recordRun(ctx, db, figure+"_measured", took, h.usage(nil).since(before))
	h.record(figure+"_s", took.Seconds()*float64(h.SIMs)/float64(len(numbers)))
	return verify(ctx, db, expected{moved: len(numbers)})
}

func newPeer(ctx context.Context, url string, n int) (*peer, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns, config.MinConns = peerConnections, peerConnections
	p := &peer{done: make(chan struct{})}
	p.left.Store(int64(n))
	if p.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, err
	}
	if err := p.pool.QueryRow(ctx, `
		SELECT r.id, r.source, r.destination, a.currency
		FROM requests r
		JOIN accounts a ON a.id = r.source
		WHERE r.state = 'awaiting_acceptance'`).Scan(&p.request, &p.source, &p.destination, &p.currency); err != nil {
		p.pool.Close()
		return nil, fmt.Errorf("finding the request: %w", err)
	}
	return p, nil
}

// wait waits until every SIM is transferred.
func (p *peer) wait(ctx context.Context) error {
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// move carries out one transfer of the request.
func (p *peer) move(ctx context.Context, n int) error {
	if err := pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error { return p.moveIn(ctx, tx, n) }); err != nil {
		return fmt.Errorf("transferring SIM %d: %w", n, err)
	}
	if p.left.Add(-1) == 0 {
		close(p.done)
	}
	return nil
}

// settings are the settings of a SIM, with the fields of a snapshot.
type settings struct {
	Tags                  json.RawMessage
	Expiration            *time.Time
	TerminationProtection bool
	Group                 *string
	EventHandlers         json.RawMessage
	SpeedClass            *string
	Containers            json.RawMessage
	IMEILock              *string
	Plan                  string
}

// after returns the settings after a transfer.
func (s settings) after(method transfer.Method) settings {
	s.Group, s.EventHandlers, s.SpeedClass = nil, json.RawMessage("[]"), nil
	if method == transfer.SelfService {
		s.Tags, s.Expiration, s.TerminationProtection, s.IMEILock = json.RawMessage("{}"), nil, false, nil
	}
	return s
}

func (s settings) values() []any {
	return []any{s.Tags, s.Expiration, s.TerminationProtection, s.Group, s.EventHandlers, s.SpeedClass, s.Containers, s.IMEILock, s.Plan}
}

func (p *peer) moveIn(ctx context.Context, tx pgx.Tx, n int) error {
	var (
		sim, account, amount int64
		locked, online       bool
		status               transfer.Status
		method               transfer.Method
		before               settings
	)
	if err := tx.QueryRow(ctx, `
		SELECT s.id, s.account, s.status, s.transfer_lock, t.method, t.fee, s.tags, s.expiration, s.termination_protection,
			s.sim_group, s.event_handlers, s.speed_class, s.containers, s.imei_lock, s.plan,
			EXISTS (SELECT 1 FROM radius.radacct a WHERE a.sim = s.id AND a.acctstoptime IS NULL)
		FROM transfers t
		JOIN sims s ON s.id = t.sim
		WHERE t.request = $1 AND t.n = $2 AND t.state = 'eligible'
		FOR NO KEY UPDATE OF s`, p.request, n).Scan(&sim, &account, &status, &locked, &method, &amount, &before.Tags, &before.Expiration,
		&before.TerminationProtection, &before.Group, &before.EventHandlers, &before.SpeedClass, &before.Containers, &before.IMEILock, &before.Plan,
		&online); err != nil {
		return err
	}
	if now, ok := status.Method(); account != p.source || locked || online || !ok || now != method {
		return errors.New("the SIM is no longer eligible")
	}
	after := before.after(method)
	var since time.Time
	if err := tx.QueryRow(ctx, `
		UPDATE sims
		SET account = $2, since = clock_timestamp(), tags = $3, expiration = $4, termination_protection = $5, sim_group = $6,
			event_handlers = $7, speed_class = $8, containers = $9, imei_lock = $10, plan = $11
		WHERE id = $1
		RETURNING since`, append([]any{sim, p.destination}, after.values()...)...).Scan(&since); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO registrations (sim, since, account, request, n, before, after)
		VALUES ($1, $2, $3, $4, $5,
			ROW($6::jsonb, $7::timestamptz, $8::boolean, $9::text, $10::jsonb, $11::text, $12::jsonb, $13::text, $14::text)::sim_settings,
			ROW($15::jsonb, $16::timestamptz, $17::boolean, $18::text, $19::jsonb, $20::text, $21::jsonb, $22::text, $23::text)::sim_settings)`,
		append(append([]any{sim, since, p.destination, p.request, n}, before.values()...), after.values()...)...); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `
		UPDATE transfers SET state = 'completed', finished_at = clock_timestamp() WHERE request = $1 AND n = $2`, p.request, n); err != nil {
		return err
	}
	if amount > 0 {
		if _, err := tx.Exec(ctx, `
			INSERT INTO charges (request, n, account, amount, currency) VALUES ($1, $2, $3, $4, $5)`,
			p.request, n, p.source, amount, p.currency); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `DELETE FROM open_transfers WHERE sim = $1`, sim)
	return err
}
