package freeradius_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"simtransfer/radius"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
	"simtransfer/worker"
)

// overRADIUS drops sessions as the workers of the program do.
type overRADIUS struct{ client *radius.Client }

func (g overRADIUS) Drop(ctx context.Context, s storage.OpenSession) (worker.Answer, error) {
	result, err := g.client.Disconnect(ctx, radius.Gateway{Address: *s.Server, Secret: []byte(*s.Secret), Signed: s.Signed}, radius.Session{
		ID: s.AcctSessionID, Username: s.Username, CallingStationID: s.CallingStationID, NASIPAddress: s.NASIPAddress, At: time.Now(),
	})
	if err != nil {
		return worker.Answer{}, err
	}
	return worker.Answer{Gone: result.Gone(), Silent: result.Outcome == radius.Silent, Why: fmt.Sprintf("gateway %s: %s", s.NASIPAddress, result)}, nil
}

// A transfer with a real gateway: radclient sends the accounting of each session to the
// gateway and to FreeRADIUS, which writes it to the database, and the worker ends the
// sessions. After it, no session of a SIM that has moved is up, and those that the
// gateway refused are, with its answer on the transfer.
func TestTransferOfSIMsThatAreOnline(t *testing.T) {
	t.Parallel()
	s := start(t, configuration{shipped: true, site: true})
	g := startSite(t, gatewaySite)
	s.db.Fee("EUR", 100)
	s.db.Exec(`INSERT INTO radius.nas (nasname, server, secret) VALUES ('127.0.0.1', $1, $2)`, g.disconnect, secret)
	source, destination := s.db.Account(), s.db.Account()
	users := []string{"internet", "gone", "refuse", "silent", "slow", "offline", "internet"}
	sims := s.db.SIMs(len(users), storagetest.SIM{Account: source.ID, Status: transfer.Active})
	id := func(i int) string { return fmt.Sprintf("session+%d", i) }
	news := func(address, kind string, i int) {
		t.Helper()
		radclient(t, address, `Acct-Status-Type = `+kind, fmt.Sprintf(`Acct-Session-Id = %q`, id(i)), fmt.Sprintf(`User-Name = %q`, users[i]),
			fmt.Sprintf(`3GPP-IMSI = %q`, sims[i].IMSI), fmt.Sprintf(`Calling-Station-Id = "+%s"`, sims[i].MSISDN), `NAS-IP-Address = 127.0.0.1`)
	}
	for i, user := range users {
		if user == "offline" {
			continue
		}
		news(s.acct, "Start", i)
		if user != "gone" { // its stop was lost
			news(g.acct, "Start", i)
		}
	}
	handler := worker.New(s.db.DB, overRADIUS{&radius.Client{Timeout: 2 * time.Second, Retry: 500 * time.Millisecond}}, slog.New(slog.DiscardHandler), worker.Config{DropAttempts: 1}).Handler()
	run := func() {
		t.Helper()
		for _, err := range s.db.RunAll(handler) {
			t.Error(err)
		}
	}
	request := s.db.Request(storagetest.Request{From: source, To: destination, SIMs: sims})
	run()
	s.db.Decide(request, transfer.Approve)
	s.db.Decide(request, transfer.Accept)
	run()

	if state := s.db.Find(request).State; state != transfer.RequestCompleted {
		t.Errorf("the request is %s", state)
	}
	refused := []string{"refuse", "silent"}
	for i, x := range s.db.TransfersOf(request) {
		answer := ""
		if x.GatewayAnswer != nil {
			answer = *x.GatewayAnswer
		}
		stays := slices.Contains(refused, users[i])
		switch {
		case stays && (x.State != transfer.Failed || *x.Reason != transfer.SessionNotDropped || !strings.HasPrefix(answer, "gateway 127.0.0.1: ")):
			t.Errorf("the SIM of %s is %s with the answer %q, want it to fail with the gateway's answer", users[i], x.State, answer)
		case !stays && x.State != transfer.Completed:
			t.Errorf("the SIM of %s is %s (%s)", users[i], x.State, answer)
		}
		up := g.drop(id(i), "someone").Outcome == radius.Dropped
		if up != stays {
			t.Errorf("the session of %s is up: %v, want %v", users[i], up, stays)
		}
	}
	s.db.Check()

	// The stop of a session that we have ended, and the device that connects again under
	// its new owner at once, as its Class says.
	news(s.acct, "Stop", 0)
	class := storagetest.One[string](s.db, `SELECT radius.access_class($1, '', '', true)`, sims[0].IMSI)
	radclient(t, s.acct, `Acct-Status-Type = Start`, `Acct-Session-Id = "next"`, fmt.Sprintf(`User-Name = %q`, sims[0].IMSI), fmt.Sprintf("Class = 0x%x", class), `NAS-IP-Address = 127.0.0.1`)
	run()
	if open := storagetest.All[string](s.db, `SELECT acctsessionid FROM radius.radacct WHERE sim = $1 AND acctstoptime IS NULL`, sims[0].ID); !slices.Equal(open, []string{"next"}) {
		t.Errorf("the open sessions of the SIM are %q, want its new one", open)
	}
}
