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

// devices simulates what happens to SIMs outside the service: they go online and
// offline, and their status changes.
type devices struct {
	*sample.Installation
	rand     *rand.Rand
	sessions []*session
	changes  int // number of changes of status
}

// session is a data session at a gateway.
type session struct {
	id       string
	sim      int
	gateway  int
	started  time.Time // by the clock of the database
	reported bool      // accounting has its current state
	ended    bool      // the device went offline
}

// gatewayCount is the number of simulated gateways.
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

// newDevices installs an inventory of n SIMs and the gateways, and returns what the
// clients may assume about the SIMs.
func newDevices(ctx context.Context, s *stack.Stack, n int, r *rand.Rand) (*devices, []simHint, error) {
	hints := make([]simHint, n)
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
		Gateways:    map[int]radius.Behavior{},
		HTTPGateway: gatewayCount,
	}
	for number := range gatewayCount {
		data.Gateways[1+number] = radius.Behavior{}
	}
	in, err := sample.Install(ctx, s, data)
	if err != nil {
		return nil, nil, err
	}
	return &devices{Installation: in, rand: r}, hints, nil
}

// run changes SIMs and sessions until loadOver is closed, and then reports all
// sessions to accounting.
func (d *devices) run(ctx context.Context, n int, loadOver <-chan struct{}) error {
	for {
		select {
		case <-loadOver:
			return d.reportAll(ctx)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(20+d.rand.IntN(150)) * time.Millisecond):
		}
		// Changes fail while the database is down; later ones succeed.
		switch k := d.rand.IntN(10); {
		case k < 4:
			_ = d.changeStatus(ctx, n)
		case k < 7:
			d.openSessions(ctx, n)
		case k < 8:
			d.reportSessions(ctx)
		default:
			d.endSessions(ctx)
		}
	}
}

// reportAll retries until accounting agrees with the gateways.
func (d *devices) reportAll(ctx context.Context) error {
	for {
		d.reportSessions(ctx)
		if !slices.ContainsFunc(d.sessions, func(s *session) bool { return !s.reported }) {
			return nil
		}
		if err := pollPause(ctx); err != nil {
			return errors.New("the sessions could not be reported to accounting")
		}
	}
}

// changeStatus changes the status of some SIMs, while it holds their row locks.
func (d *devices) changeStatus(ctx context.Context, n int) error {
	iccids := make([]string, 1+d.rand.IntN(15))
	for i := range iccids {
		iccids[i] = sample.SIM{Number: d.rand.IntN(n)}.ICCID()
	}
	to := []transfer.Status{transfer.Ready, transfer.Ready, transfer.Active, transfer.Inactive, transfer.Standby, transfer.Suspended}[d.rand.IntN(6)]
	tx, err := d.Stack.DB.Pool().BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var ids []int64
	if err := tx.SelectContext(ctx, &ids, `
		SELECT id FROM sims WHERE iccid = ANY($1) AND status <> 'terminated' ORDER BY id FOR NO KEY UPDATE`, pq.Array(iccids)); err != nil {
		return err
	}
	if to == transfer.Ready { // only a correction sets a SIM back
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO audit (actor, sim, action, object, object_id, before, after, why)
			SELECT 'system', id, 'sim.correct', 'sim', iccid, jsonb_build_object('status', status), '{"status": "ready"}', 'chaos'
			FROM sims
			WHERE id = ANY($1) AND status <> 'ready'`, pq.Array(ids)); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE sims SET status = $2 WHERE id = ANY($1)`, pq.Array(ids), to); err != nil {
		return err
	}
	d.changes++
	return tx.Commit()
}

// openSessions opens sessions at a gateway. Some are reported to accounting only
// later, when their SIM may have another owner.
func (d *devices) openSessions(ctx context.Context, n int) {
	var now time.Time
	if d.Stack.DB.Pool().GetContext(ctx, &now, `SELECT clock_timestamp()`) != nil {
		return
	}
	gateway := 1 + d.rand.IntN(gatewayCount)
	for range 1 + d.rand.IntN(6) {
		s := &session{id: fmt.Sprintf("chaos-%d", len(d.sessions)), sim: d.rand.IntN(n), gateway: gateway, started: now}
		r := sample.SIM{Number: s.sim}
		d.Gateways[gateway].Start(radius.Session{ID: s.id, Username: r.IMSI(), CallingStationID: r.MSISDN(), NASIPAddress: sample.GatewayAddress(gateway)})
		d.sessions = append(d.sessions, s)
		if d.rand.IntN(4) > 0 {
			d.reportSession(ctx, s)
		}
	}
}

// reportSessions reports all sessions that accounting does not have yet.
func (d *devices) reportSessions(ctx context.Context) {
	for _, s := range d.sessions {
		if !s.reported {
			d.reportSession(ctx, s)
		}
	}
}

// reportSession writes a session to accounting, as a RADIUS server would.
func (d *devices) reportSession(ctx context.Context, s *session) {
	r := sample.SIM{Number: s.sim}
	_, err := d.Stack.DB.Pool().ExecContext(ctx, `
		INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, callingstationid, nasipaddress, acctstarttime)
		VALUES ($1, $1, $2, $3, $4, $5)
		ON CONFLICT (acctuniqueid) DO NOTHING`, s.id, r.IMSI(), r.MSISDN(), sample.GatewayAddress(s.gateway), s.started)
	if err == nil && s.ended {
		err = d.reportEnd(ctx, s)
	}
	s.reported = err == nil
}

func (d *devices) reportEnd(ctx context.Context, s *session) error {
	_, err := d.Stack.DB.Pool().ExecContext(ctx, `
		UPDATE radius.radacct
		SET acctstoptime = clock_timestamp(), acctterminatecause = 'User-Request'
		WHERE acctuniqueid = $1 AND acctstoptime IS NULL`, s.id)
	return err
}

// endSessions ends some of the newest sessions.
func (d *devices) endSessions(ctx context.Context) {
	for _, s := range d.sessions[max(0, len(d.sessions)-60):] {
		if s.ended || d.rand.IntN(10) > 0 {
			continue
		}
		s.ended = true
		d.Gateways[s.gateway].Stop(s.id)
		if s.reported {
			s.reported = d.reportEnd(ctx, s) == nil // if that fails, it is reported again
		}
	}
}
