package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/lib/pq"

	"simtransfer/radius"
	"simtransfer/transfer"
)

// field is the SIMs out there in a chaos run: they come online and go offline,
// and the platform around the service changes their status.
type field struct {
	*sample
	rand     *rand.Rand
	sessions []*fieldSession
	changes  int // of status
}

// fieldSession is a data session that a gateway has held.
type fieldSession struct {
	id       string
	sim      int
	gateway  int
	started  time.Time // by the database's clock
	reported bool      // it is in accounting
	over     bool      // the device went offline by itself
}

// fieldGateways is how many simulated gateways there are.
const fieldGateways = 3

// fieldRow is a SIM of a chaos run: one account has as many as another, and
// most are ready or active.
func fieldRow(i int) sampleRow {
	r := sampleRow{number: i, owner: i % len(sampleAccounts()), status: statusOf(i)}
	switch i % 100 {
	case 13:
		r.status = transfer.Terminated
	case 37:
		r.locked = true
	}
	r.regional = i%50 == 3
	return r
}

// newField makes an inventory of n SIMs and the gateways.
func newField(ctx context.Context, s *Stack, n int, r *rand.Rand) (_ *field, _ []hint, err error) {
	f := &field{sample: &sample{stack: s, gateways: map[int]*radius.SimulatedGateway{}}, rand: r}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	if err := f.openAccounts(ctx); err != nil {
		return nil, nil, fmt.Errorf("opening accounts: %w", err)
	}
	body, w := io.Pipe()
	hints := make([]hint, n)
	go func() {
		e, accounts := json.NewEncoder(w), sampleAccounts()
		for i := range n {
			if err := e.Encode(fieldRow(i).imported(accounts)); err != nil {
				_ = w.CloseWithError(err)
				return
			}
		}
		_ = w.Close()
	}()
	if err := s.Admin.Send(ctx, http.MethodPost, "/v1/sims", "application/x-ndjson", body, nil); err != nil {
		return nil, nil, fmt.Errorf("importing SIMs: %w", err)
	}
	for i := range hints {
		hints[i].owner = fieldRow(i).owner
	}
	for number := 1; number <= fieldGateways; number++ {
		if err := f.openGateway(ctx, number); err != nil {
			return nil, nil, fmt.Errorf("starting gateway %d: %w", number, err)
		}
	}
	return f, hints, nil
}

func (f *field) openGateway(ctx context.Context, number int) error {
	g, err := radius.SimulateGateway("127.0.0.1:0", []byte(gatewaySecret), radius.Behavior{})
	if err != nil {
		return err
	}
	f.gateways[number] = g
	_, err = f.stack.DB.Pool().ExecContext(ctx, `
		INSERT INTO radius.nas (nasname, shortname, secret, server) VALUES ($1, $2, $3, $4)`,
		gatewayAddress(number), fmt.Sprintf("gateway-%d", number), gatewaySecret, g.Gateway().Address)
	return err
}

// run changes the field until quiet is closed, and then reports to accounting
// what was not reported yet.
func (f *field) run(ctx context.Context, n int, quiet <-chan struct{}) error {
	for {
		select {
		case <-quiet:
			return f.settle(ctx)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(20+f.rand.IntN(150)) * time.Millisecond):
		}
		// Without a database nothing happens; the next change may find one.
		switch k := f.rand.IntN(10); {
		case k < 4:
			_ = f.changeStatus(ctx, n)
		case k < 7:
			f.goOnline(ctx, n)
		case k < 8:
			f.report(ctx)
		default:
			f.goOffline(ctx)
		}
	}
}

// settle makes accounting agree with the gateways.
func (f *field) settle(ctx context.Context) error {
	for {
		f.report(ctx)
		if !slices.ContainsFunc(f.sessions, func(s *fieldSession) bool { return !s.reported }) {
			return nil
		}
		if err := rest(ctx); err != nil {
			return errors.New("the sessions could not be reported to accounting")
		}
	}
}

// changeStatus changes the status of a few SIMs, under their row locks.
func (f *field) changeStatus(ctx context.Context, n int) error {
	iccids := make([]string, 1+f.rand.IntN(15))
	for i := range iccids {
		iccids[i] = sampleRow{number: f.rand.IntN(n)}.iccid()
	}
	to := []transfer.Status{transfer.Ready, transfer.Ready, transfer.Active, transfer.Inactive, transfer.Standby, transfer.Suspended}[f.rand.IntN(6)]
	tx, err := f.stack.DB.Pool().BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var ids []int64
	if err := tx.SelectContext(ctx, &ids, `
		SELECT id FROM sims WHERE iccid = ANY($1) AND status <> 'terminated' ORDER BY id FOR NO KEY UPDATE`, pq.Array(iccids)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE sims SET status = $2 WHERE id = ANY($1)`, pq.Array(ids), to); err != nil {
		return err
	}
	f.changes++
	return tx.Commit()
}

// goOnline starts sessions at a gateway. Some are reported to accounting only
// later, when their SIM may have another owner.
func (f *field) goOnline(ctx context.Context, n int) {
	var now time.Time
	if f.stack.DB.Pool().GetContext(ctx, &now, `SELECT clock_timestamp()`) != nil {
		return
	}
	gateway := 1 + f.rand.IntN(fieldGateways)
	for range 1 + f.rand.IntN(6) {
		s := &fieldSession{id: fmt.Sprintf("chaos-%d", len(f.sessions)), sim: f.rand.IntN(n), gateway: gateway, started: now}
		r := sampleRow{number: s.sim}
		f.gateways[gateway].Start(radius.Session{ID: s.id, Username: r.imsi(), CallingStationID: r.msisdn(), NASIPAddress: gatewayAddress(gateway)})
		f.sessions = append(f.sessions, s)
		if f.rand.IntN(4) > 0 {
			f.start(ctx, s)
		}
	}
}

// report starts in accounting what was not reported yet.
func (f *field) report(ctx context.Context) {
	for _, s := range f.sessions {
		if !s.reported {
			f.start(ctx, s)
		}
	}
}

// start reports one session, as a RADIUS server does.
func (f *field) start(ctx context.Context, s *fieldSession) {
	r := sampleRow{number: s.sim}
	_, err := f.stack.DB.Pool().ExecContext(ctx, `
		INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, callingstationid, nasipaddress, acctstarttime)
		VALUES ($1, $1, $2, $3, $4, $5)
		ON CONFLICT (acctuniqueid) DO NOTHING`, s.id, r.imsi(), r.msisdn(), gatewayAddress(s.gateway), s.started)
	if err == nil && s.over {
		err = f.stop(ctx, s)
	}
	s.reported = err == nil
}

func (f *field) stop(ctx context.Context, s *fieldSession) error {
	_, err := f.stack.DB.Pool().ExecContext(ctx, `
		UPDATE radius.radacct
		SET acctstoptime = clock_timestamp(), acctterminatecause = 'User-Request'
		WHERE acctuniqueid = $1 AND acctstoptime IS NULL`, s.id)
	return err
}

// goOffline ends some of the newest sessions.
func (f *field) goOffline(ctx context.Context) {
	for _, s := range f.sessions[max(0, len(f.sessions)-60):] {
		if s.over || f.rand.IntN(10) > 0 {
			continue
		}
		s.over = true
		f.gateways[s.gateway].Stop(s.id)
		if s.reported {
			s.reported = f.stop(ctx, s) == nil // otherwise it is reported again
		}
	}
}
