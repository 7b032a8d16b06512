//go:build unix

package faults_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"simtransfer/radius"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// TestGatewayFaults uses gateways that misbehave. SIMs at other gateways must not
// wait for them.
func TestGatewayFaults(t *testing.T) {
	t.Parallel()
	s := startService(t, serviceOptions{env: []string{
		"SIMTRANSFER_DROP_ATTEMPTS=3", "SIMTRANSFER_DROP_BACKOFF=1200ms", "SIMTRANSFER_DROP_TIMEOUT=600ms",
	}})
	const each = 5 // SIMs at each gateway
	var good, bad []*atGateway
	for _, b := range []radius.Behavior{
		{},
		{Delay: 400 * time.Millisecond},
	} {
		good = append(good, s.atGateway(each, b))
	}
	for _, b := range []radius.Behavior{
		{Silent: true},
		{Garbage: true},
		{Forge: true},
		{Refuse: radius.RefuseShare(1)},
		{Delay: time.Minute}, // drops the session, but answers too late
	} {
		bad = append(bad, s.atGateway(each, b))
	}
	good = append(good, s.atHTTPGateway(each))
	late, forgetful := s.atGateway(each, radius.Behavior{Silent: true}), s.atGateway(each, radius.Behavior{LoseAnswers: true})

	offline := s.SIMs(60, storagetest.SIM{Account: s.from.ID})
	sims := offline
	for _, g := range append(append([]*atGateway{late, forgetful}, good...), bad...) {
		sims = append(sims, g.sims...)
	}
	r := s.createOffered(sims)
	r.accept()
	s.eventually("a gateway has been silent", func() bool {
		return scan[int](s, `SELECT count(*) FROM work WHERE gateway = $1 AND attempts > 0`, late.address) == 1
	})
	late.SetBehavior(radius.Behavior{})
	forgetful.SetBehavior(radius.Behavior{})
	r.await("the request is finished", func(r storage.Request) bool { return r.FinishedAt != nil })

	s.step("outcomes and order", func(s *testService) {
		type outcome struct {
			Gateway string
			State   transfer.State
			Reason  *transfer.Reason
			N       int
			First   time.Time
			Last    time.Time
		}
		byGateway := map[string][]outcome{}
		for _, x := range storagetest.All[outcome](s.DB, `
			SELECT coalesce(a.gateway, '') AS gateway, t.state, t.reason, count(*) AS n, min(t.finished_at) AS first, max(t.finished_at) AS last
			FROM transfers t
			LEFT JOIN (SELECT DISTINCT sim, host(nasipaddress) AS gateway FROM radius.radacct) a ON a.sim = t.sim
			WHERE t.request = $1
			GROUP BY 1, 2, 3`, r.id) {
			byGateway[x.Gateway] = append(byGateway[x.Gateway], x)
		}
		is := func(address string, n int, state transfer.State, reason transfer.Reason) outcome {
			list := byGateway[address]
			if len(list) != 1 || list[0].N != n || list[0].State != state || (list[0].Reason == nil) != (reason == "") || (reason != "" && *list[0].Reason != reason) {
				s.t.Errorf("SIMs at gateway %q: %+v, want %d %s %s", address, list, n, state, reason)
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
			// There are 1.2 s and 2.4 s between the three attempts: the other SIMs
			// must be finished before the first of these delays is over.
			if wait := x.First.Sub(last); wait < 2*time.Second {
				s.t.Errorf("other SIMs were finished only %s before those at gateway %s failed", wait, g.address)
			}
			if up := g.Count(); up != each && (i < len(bad)-1 || up != 0) {
				s.t.Errorf("%d sessions are up at gateway %s, want %d", up, g.address, each)
			}
		}
		if stayed := scan[int](s, `
			SELECT count(*)
			FROM transfers t
			JOIN sims s ON s.id = t.sim AND s.account = $2
			WHERE t.request = $1 AND t.state = 'failed' AND NOT EXISTS (SELECT 1 FROM charges c WHERE c.request = t.request AND c.n = t.n)`,
			r.id, s.from.ID); stayed != each*len(bad) {
			s.t.Errorf("%d failed SIMs are still the source's and were not charged, want %d", stayed, each*len(bad))
		}
		s.checkInvariants()
	})
	s.step("failed SIMs can be requested again", func(s *testService) {
		var again []storagetest.SIM
		for _, g := range bad {
			g.SetBehavior(radius.Behavior{})
			again = append(again, g.sims...)
		}
		r := s.createOffered(again)
		r.accept()
		r.awaitCompleted()
		for _, g := range bad {
			if g.Count() != 0 {
				s.t.Errorf("%d sessions are up at gateway %s", g.Count(), g.address)
			}
		}
		s.checkInvariants()
	})
}

// atGateway is a simulated gateway with SIMs that are online there.
type atGateway struct {
	*radius.SimulatedGateway
	address string
	sims    []storagetest.SIM
}

// atGateway brings n SIMs online at a new gateway.
func (s *testService) atGateway(n int, b radius.Behavior) *atGateway {
	s.t.Helper()
	const secret = "only-on-loopback"
	g, err := radius.SimulateGateway("127.0.0.1:0", []byte(secret), b)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = g.Close() })
	a := &atGateway{g, s.Gateway(), s.SIMs(n, storagetest.SIM{Account: s.from.ID, Status: transfer.Active})}
	s.Server(a.address, g.Gateway().Address, secret)
	for _, sim := range a.sims {
		id := s.Online(sim, a.address)
		session := scan[string](s, `SELECT acctsessionid FROM radius.radacct WHERE radacctid = $1`, id)
		g.Start(radius.Session{ID: session, Username: sim.IMSI + "@iot.example", CallingStationID: sim.MSISDN, NASIPAddress: a.address})
	}
	return a
}

// atHTTPGateway brings n SIMs online at a new gateway without RADIUS. It verifies the
// calls.
func (s *testService) atHTTPGateway(n int) *atGateway {
	s.t.Helper()
	a := s.atGateway(n, radius.Behavior{})
	const secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	verify, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		s.t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var call transfer.GatewayCall
		if err := errors.Join(verify.Verify(body, r.Header), json.Unmarshal(body, &call)); err != nil {
			s.t.Error(err)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if cause := a.Disconnect(radius.Session{ID: call.Data.SessionID, Username: call.Data.UserName, NASIPAddress: call.Data.NASIPAddress}); cause != 0 {
			w.WriteHeader(http.StatusConflict)
		}
	}))
	s.t.Cleanup(server.Close)
	s.Exec(`UPDATE radius.nas SET preset = 'http', server = NULL, url = $2, url_secret = $3 WHERE nasname = $1`, a.address, server.URL, secret)
	return a
}
