package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/lib/pq"

	"simtransfer/dev/sample"
	"simtransfer/dev/stack"
	"simtransfer/radius"
	"simtransfer/transfer"
)

// field is the SIMs out there in a chaos run: they come online and go offline,
// and the platform around the service changes their status.
type field struct {
	*sample.Installation
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

// gatewayCount is how many simulated gateways there are.
const gatewayCount = 3

// simOf returns SIM number i of a chaos run: every account has as many as any
// other, and most are ready or active.
func simOf(i int) sample.SIM {
	s := sample.SIM{Number: i, Owner: i % len(sample.Accounts()), Status: sample.StatusOf(i), Regional: i%50 == 3}
	switch i % 100 {
	case 13:
		s.Status = transfer.Terminated
	case 37:
		s.Locked = true
	}
	return s
}

// newField installs an inventory of n SIMs and the gateways.
func newField(ctx context.Context, s *stack.Stack, n int, r *rand.Rand) (*field, []hint, error) {
	hints := make([]hint, n)
	for i := range hints {
		hints[i].owner = simOf(i).Owner
	}
	data := sample.Data{
		SIMs: func(yield func(sample.SIM) bool) {
			for i := range n {
				if !yield(simOf(i)) {
					return
				}
			}
		},
		Gateways: map[int]radius.Behavior{},
	}
	for number := range gatewayCount {
		data.Gateways[1+number] = radius.Behavior{}
	}
	in, err := sample.Install(ctx, s, data)
	if err != nil {
		return nil, nil, err
	}
	return &field{Installation: in, rand: r}, hints, nil
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
		iccids[i] = sample.SIM{Number: f.rand.IntN(n)}.ICCID()
	}
	to := []transfer.Status{transfer.Ready, transfer.Ready, transfer.Active, transfer.Inactive, transfer.Standby, transfer.Suspended}[f.rand.IntN(6)]
	tx, err := f.Stack.DB.Pool().BeginTxx(ctx, nil)
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
	if f.Stack.DB.Pool().GetContext(ctx, &now, `SELECT clock_timestamp()`) != nil {
		return
	}
	gateway := 1 + f.rand.IntN(gatewayCount)
	for range 1 + f.rand.IntN(6) {
		s := &fieldSession{id: fmt.Sprintf("chaos-%d", len(f.sessions)), sim: f.rand.IntN(n), gateway: gateway, started: now}
		r := sample.SIM{Number: s.sim}
		f.Gateways[gateway].Start(radius.Session{ID: s.id, Username: r.IMSI(), CallingStationID: r.MSISDN(), NASIPAddress: sample.GatewayAddress(gateway)})
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
	r := sample.SIM{Number: s.sim}
	_, err := f.Stack.DB.Pool().ExecContext(ctx, `
		INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, callingstationid, nasipaddress, acctstarttime)
		VALUES ($1, $1, $2, $3, $4, $5)
		ON CONFLICT (acctuniqueid) DO NOTHING`, s.id, r.IMSI(), r.MSISDN(), sample.GatewayAddress(s.gateway), s.started)
	if err == nil && s.over {
		err = f.stop(ctx, s)
	}
	s.reported = err == nil
}

func (f *field) stop(ctx context.Context, s *fieldSession) error {
	_, err := f.Stack.DB.Pool().ExecContext(ctx, `
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
		f.Gateways[s.gateway].Stop(s.id)
		if s.reported {
			s.reported = f.stop(ctx, s) == nil // otherwise it is reported again
		}
	}
}
