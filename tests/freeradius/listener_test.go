package freeradius_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"simtransfer/radius/accounting"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// listen runs the accounting server on the database of FreeRADIUS.
func (s *freeRADIUS) listen() (address string) {
	s.t.Helper()
	s.db.Exec(`INSERT INTO radius.nas (nasname, secret) VALUES ('127.0.0.1', $1)`, secret)
	ctx, cancel := context.WithCancel(s.t.Context())
	server, err := accounting.New(ctx, accounting.Config{Store: s.db.DB, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	conn, err := accounting.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, conn) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
	})
	return conn.LocalAddr().String()
}

// A network can change from FreeRADIUS to simtransfer radius, and back, while sessions
// are open: both know the same session by the same key.
func TestSessionsOfFreeRADIUSContinueInOurServer(t *testing.T) {
	t.Parallel()
	s := start(t, configuration{shipped: true})
	own := s.listen()
	sims := s.sims(1, transfer.Active)
	for i, r := range []record{
		{id: "a", user: sims[0].IMSI},
		{id: "b", user: "+" + sims[0].MSISDN, number: "1"},
		{id: "EPC+17#4=a", user: sims[0].IMSI, imsi: sims[0].IMSI},
		{id: `c\d"e`, user: `REALM\` + sims[0].IMSI},
		{id: "no UTF-8 \xff\xe9", user: sims[0].IMSI},
		{id: "é", user: sims[0].IMSI, nas: net.ParseIP("2001:db8::9")},
		{id: "f", user: sims[0].IMSI, more: func(p *layeh.Packet) {
			_ = rfc2865.NASIdentifier_SetString(p, "pgw-1")
			_ = rfc2865.NASPort_Set(p, 4711)
		}},
	} {
		for _, first := range []string{s.acct, own} {
			s.db.Exec(`TRUNCATE radius.radacct`)
			r.kind, r.at = begin, time.Now().Add(-time.Minute)
			s.send(first, r.packet)
			r.kind, r.at, r.lasted = end, time.Now(), time.Minute
			second := own
			if first == own {
				second = s.acct
			}
			s.send(second, r.packet)
			got := storagetest.All[string](s.db, `SELECT concat_ws(' ', acctsessionid, sim, acctstoptime IS NOT NULL) FROM radius.radacct`)
			if len(got) != 1 || !strings.HasSuffix(got[0], fmt.Sprintf(" %d t", sims[0].ID)) {
				t.Errorf("record %d, first to FreeRADIUS: %t: the sessions are %q", i, first == s.acct, got)
			}
		}
	}
}

// FreeRADIUS's own client accepts the answers of our server.
func TestRadclientAsGatewayOfOurServer(t *testing.T) {
	t.Parallel()
	s := start(t, configuration{shipped: true})
	own := s.listen()
	for _, c := range []struct{ command, attributes string }{
		{"acct", "Acct-Status-Type = Start\nAcct-Session-Id = \"r1\"\nUser-Name = \"1\"\nNAS-IP-Address = 10.0.0.1\nProxy-State = 0x01\nProxy-State = 0x02\n"},
		{"acct", "Acct-Status-Type = Stop\nAcct-Session-Id = \"r1\"\nUser-Name = \"1\"\nNAS-IP-Address = 10.0.0.1\nAcct-Session-Time = 3\n"},
		{"status", "Message-Authenticator = 0x00\n"},
	} {
		client := exec.CommandContext(t.Context(), "radclient", "-x", "-r", "5", "-t", "3", own, c.command, secret)
		client.Stdin = strings.NewReader(c.attributes)
		out, err := client.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "Received Accounting-Response") {
			t.Errorf("%s: %v: %s", c.command, err, out)
		}
	}
	if n := storagetest.One[int](s.db, `SELECT count(*) FROM radius.radacct WHERE acctstoptime IS NOT NULL`); n != 1 {
		t.Errorf("%d sessions are stored", n)
	}
}
