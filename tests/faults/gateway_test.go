package faults_test

import (
	"testing"
	"time"

	"simtransfer/radius"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// TestGatewayFaults uses gateways that misbehave. SIMs at other gateways do not
// wait for them.
func TestGatewayFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{env: []string{
		"SIMTRANSFER_DROP_ATTEMPTS=3", "SIMTRANSFER_DROP_BACKOFF=1200ms", "SIMTRANSFER_DROP_TIMEOUT=600ms",
	}})
	const each = 5 // SIMs at each gateway
	var good, bad []*atGateway
	for _, b := range []radius.Behavior{
		{},
		{Delay: 400 * time.Millisecond},
	} {
		good = append(good, r.atGateway(each, b))
	}
	for _, b := range []radius.Behavior{
		{Silent: true},
		{Garbage: true},
		{Forge: true},
		{Refuse: radius.RefuseShare(1)},
		{Delay: time.Minute}, // which ends the session
	} {
		bad = append(bad, r.atGateway(each, b))
	}
	late, forgetful := r.atGateway(each, radius.Behavior{Silent: true}), r.atGateway(each, radius.Behavior{LoseAnswers: true})

	offline := r.SIMs(60, storagetest.SIM{Account: r.from.ID})
	sims := offline
	for _, g := range append(append([]*atGateway{late, forgetful}, good...), bad...) {
		sims = append(sims, g.sims...)
	}
	o := r.offer(sims)
	o.accept()
	r.eventually("a gateway has been silent", func() bool {
		return scan[int](r, `SELECT count(*) FROM work WHERE gateway = $1 AND attempts > 0`, late.address) == 1
	})
	late.SetBehavior(radius.Behavior{})
	forgetful.SetBehavior(radius.Behavior{})
	o.await("the request is finished", func(s storage.Request) bool { return s.FinishedAt != nil })

	r.step("who waited for whom", func(r *rig) {
		type outcome struct {
			Gateway string
			State   transfer.State
			Reason  *transfer.Reason
			N       int
			First   time.Time
			Last    time.Time
		}
		byGateway := map[string][]outcome{}
		for _, x := range storagetest.All[outcome](r.DB, `
			SELECT coalesce(a.gateway, '') AS gateway, t.state, t.reason, count(*) AS n, min(t.finished_at) AS first, max(t.finished_at) AS last
			FROM transfers t
			LEFT JOIN (SELECT DISTINCT sim, host(nasipaddress) AS gateway FROM radius.radacct) a ON a.sim = t.sim
			WHERE t.request = $1
			GROUP BY 1, 2, 3`, o.id) {
			byGateway[x.Gateway] = append(byGateway[x.Gateway], x)
		}
		is := func(address string, n int, state transfer.State, reason transfer.Reason) outcome {
			list := byGateway[address]
			if len(list) != 1 || list[0].N != n || list[0].State != state || (list[0].Reason == nil) != (reason == "") || (reason != "" && *list[0].Reason != reason) {
				r.t.Errorf("SIMs at gateway %q: %+v, want %d %s %s", address, list, n, state, reason)
				return outcome{}
			}
			return list[0]
		}
		last := is("", len(offline), transfer.Completed, "").Last
		for _, g := range good {
			if x := is(g.address, each, transfer.Completed, ""); x.Last.After(last) {
				last = x.Last
			}
		}
		is(late.address, each, transfer.Completed, "")
		is(forgetful.address, each, transfer.Completed, "")
		for i, g := range bad {
			x := is(g.address, each, transfer.Failed, transfer.SessionNotDropped)
			// Three attempts with 1.2 s and 2.4 s between: the others were done
			// before the first of these waits was over.
			if wait := x.First.Sub(last); wait < 2*time.Second {
				r.t.Errorf("other SIMs were done only %s before those at gateway %s were given up", wait, g.address)
			}
			if up := g.Count(); up != each && (i < len(bad)-1 || up != 0) {
				r.t.Errorf("%d sessions are up at gateway %s, want %d", up, g.address, each)
			}
		}
		if stayed := scan[int](r, `
			SELECT count(*)
			FROM transfers t
			JOIN sims s ON s.id = t.sim AND s.account = $2
			WHERE t.request = $1 AND t.state = 'failed' AND NOT EXISTS (SELECT 1 FROM charges c WHERE c.request = t.request AND c.n = t.n)`,
			o.id, r.from.ID); stayed != each*len(bad) {
			r.t.Errorf("%d SIMs are where they were, at no cost, want %d", stayed, each*len(bad))
		}
		r.verify()
	})
	r.step("they can be asked for again", func(r *rig) {
		var again []storagetest.SIM
		for _, g := range bad {
			g.SetBehavior(radius.Behavior{})
			again = append(again, g.sims...)
		}
		o := r.offer(again)
		o.accept()
		o.completed()
		for _, g := range bad {
			if g.Count() != 0 {
				r.t.Errorf("%d sessions are up at gateway %s", g.Count(), g.address)
			}
		}
		r.verify()
	})
}

// atGateway is a simulated gateway with SIMs that are online there.
type atGateway struct {
	*radius.SimulatedGateway
	address string
	sims    []storagetest.SIM
}

// atGateway brings n SIMs online at a new gateway.
func (r *rig) atGateway(n int, b radius.Behavior) *atGateway {
	r.t.Helper()
	const secret = "only-on-loopback"
	g, err := radius.SimulateGateway("127.0.0.1:0", []byte(secret), b)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = g.Close() })
	a := &atGateway{g, r.Gateway(), r.SIMs(n, storagetest.SIM{Account: r.from.ID, Status: transfer.Active})}
	r.Server(a.address, g.Gateway().Address, secret)
	for _, s := range a.sims {
		id := r.Online(s, a.address)
		session := scan[string](r, `SELECT acctsessionid FROM radius.radacct WHERE radacctid = $1`, id)
		g.Start(radius.Session{ID: session, Username: s.IMSI + "@iot.example", CallingStationID: s.MSISDN, NASIPAddress: a.address})
	}
	return a
}
