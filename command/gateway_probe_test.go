package command

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	layeh "layeh.com/radius"

	"simtransfer/api"
	"simtransfer/client"
	"simtransfer/command/process"
	"simtransfer/radius"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
	"simtransfer/worker"
)

// TestProbeOfRealGateways asks for probes by the API, which a worker carries out
// at gateways on the loopback interface.
func TestProbeOfRealGateways(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	log := slog.New(slog.DiscardHandler)
	gateways := radiusGateways{&radius.Client{Timeout: 300 * time.Millisecond}, process.NewDatabaseClock(db.DB)}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		worker.NewProber(db.DB, gateways.Probe, log, time.Millisecond).Run(ctx)
	}()
	t.Cleanup(func() { stop(); <-stopped })
	server := httptest.NewServer(api.New(api.Config{DB: db.DB, Log: log, ProbeInterval: time.Millisecond}))
	t.Cleanup(server.Close)
	_, token, err := db.CreateKey(t.Context(), storage.NewKey{Role: storage.RoleSupport, Name: "support"})
	if err != nil {
		t.Fatal(err)
	}
	support := &client.Client{URL: server.URL, Key: token}

	const secret = "the secret of the test"
	start := func(behavior radius.Behavior) string {
		g, err := radius.SimulateGateway("127.0.0.1:0", []byte(secret), behavior)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = g.Close() })
		return g.Gateway().Address
	}
	var wrong []string
	for i, c := range []struct {
		server, secret string
		want           transfer.ProbeOutcome
		cause          string
	}{
		{start(radius.Behavior{}), secret, transfer.ProbeAnswers, "503 session context not found"},
		{start(radius.Behavior{Refuse: radius.RefuseShare(1)}), secret, transfer.ProbeAnswers, "503 session context not found"}, // it refuses only sessions that it has
		{start(radius.Behavior{}), "another secret", transfer.ProbeSilent, ""},                                                  // a gateway ignores such requests
		{start(radius.Behavior{Forge: true}), secret, transfer.ProbeWrongSecret, ""},
		{start(radius.Behavior{Silent: true}), secret, transfer.ProbeSilent, ""},
		{closedPort(t), secret, transfer.ProbePortClosed, ""},
		{"gateway.invalid", secret, transfer.ProbeUnresolved, ""},
		{elsewhere(t, secret), secret, transfer.ProbeOtherAddress, ""},
	} {
		if c.want != transfer.ProbeAnswers {
			wrong = append(wrong, fmt.Sprintf("gateway 10.0.0.%d: %s %s", i+1, c.want.Meaning(), c.want.Remedy()))
		}
		name := netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}).String()
		db.Exec(`INSERT INTO radius.nas (nasname, server, secret) VALUES ($1, $2, $3)`, name, c.server, c.secret)
		p, err := support.ProbeGateway(t.Context(), name, client.ProbeTarget{})
		if err != nil {
			t.Fatal(err)
		}
		if p.Outcome != c.want || p.ErrorCause != c.cause || p.Meaning != c.want.Meaning() || p.Worker == "" || !strings.HasPrefix(p.Address, c.server) {
			t.Errorf("%+v", p)
		}
		if (p.From == "127.0.0.1") != (c.want != transfer.ProbeUnresolved) {
			t.Errorf("asked from %q", p.From)
		}
		if strings.Contains(p.Detail, c.secret) {
			t.Errorf("the secret is shown: %s", p.Detail)
		}
	}
	// The check of the set-up says the same about those that do not end sessions.
	f, err := db.CheckGateways(t.Context(), storage.Actor{Name: "root"})
	if err != nil {
		t.Fatal(err)
	}
	if f.Violations != len(wrong) || !slices.EqualFunc(f.Examples, wrong[:storage.MaxExamples], func(got, want string) bool {
		return strings.HasPrefix(got, want+" (detail: ") // and what the gateway did
	}) {
		t.Errorf("the check found %+v, want %q", f, wrong)
	}
}

// elsewhere starts a gateway that answers from another port than it is asked at, and
// returns the one that it is asked at.
func elsewhere(t *testing.T, secret string) string {
	t.Helper()
	listen := func() *net.UDPConn {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	asked, answers := listen(), listen()
	go func() {
		buffer := make([]byte, layeh.MaxPacketLength)
		for {
			n, from, err := asked.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			request, err := layeh.Parse(buffer[:n], []byte(secret))
			if err != nil {
				continue
			}
			if answer, err := request.Response(layeh.CodeDisconnectACK).Encode(); err == nil {
				_, _ = answers.WriteToUDPAddrPort(answer, from)
			}
		}
	}()
	return asked.LocalAddr().String()
}

func closedPort(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return conn.LocalAddr().String()
}

// The outcome follows from the first thing that is wrong.
func TestProbeOutcome(t *testing.T) {
	t.Parallel()
	result := func(o radius.Outcome) radius.ProbeResult {
		return radius.ProbeResult{Result: radius.Result{Outcome: o}}
	}
	ignored := result(radius.Silent)
	ignored.Ignored.Forged = 1
	other := result(radius.Silent)
	other.Ignored.OtherAddress, other.OtherSender = 1, netip.MustParseAddrPort("10.0.0.9:3799")
	for _, c := range []struct {
		result   radius.ProbeResult
		required bool // Message-Authenticator
		want     transfer.ProbeOutcome
	}{
		{result(radius.NotFound), false, transfer.ProbeAnswers},
		{result(radius.NotFound), true, transfer.ProbeUnsigned},
		{radius.ProbeResult{Result: radius.Result{Outcome: radius.NotFound}, Signed: true}, true, transfer.ProbeAnswers},
		{result(radius.Refused), false, transfer.ProbeRefuses},
		{result(radius.Refused), true, transfer.ProbeUnsigned},
		{result(radius.Dropped), false, transfer.ProbeAcknowledges},
		{result(radius.Silent), true, transfer.ProbeSilent},
		{ignored, true, transfer.ProbeWrongSecret},
		{other, true, transfer.ProbeOtherAddress},
		{radius.ProbeResult{Result: radius.Result{Outcome: radius.Silent}, PortClosed: true}, false, transfer.ProbePortClosed},
		{radius.ProbeResult{Result: radius.Result{Outcome: radius.Silent}, Unreachable: true}, false, transfer.ProbeUnreachable},
		{radius.ProbeResult{Result: radius.Result{Outcome: radius.Silent}, Unresolved: true}, false, transfer.ProbeUnresolved},
	} {
		if got := probeOutcome(c.result, c.required); got != c.want {
			t.Errorf("%+v, required: %t: %s, want %s", c.result, c.required, got, c.want)
		}
	}
}

// A worker that cannot send the request says so.
func TestProbeThatCannotBeSent(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	gateways := radiusGateways{&radius.Client{Timeout: time.Second}, process.NewDatabaseClock(db.DB)}
	a := gateways.Probe(t.Context(), storage.GatewayProbe{SessionGateway: storage.SessionGateway{Server: new("no port"), Secret: new("s")}})
	if a.Outcome != transfer.ProbeNotSent || a.Detail == "" {
		t.Errorf("%+v", a)
	}
}

// A request that cannot be sent says so in plain words, and which gateway it was for.
func TestDropThatCannotBeSent(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	gateways := radiusGateways{&radius.Client{Timeout: time.Second}, process.NewDatabaseClock(db.DB)}
	a, err := gateways.Drop(t.Context(), storage.OpenSession{AcctSessionID: "s1", NASIPAddress: "10.0.0.2", SessionGateway: storage.SessionGateway{
		Server: new("127.0.0.1:3799"), Secret: new("s"), Source: "192.0.2.200",
	}})
	want := "gateway 10.0.0.2: not asked: this host has no address 192.0.2.200 to send from: add it to the host, or change the source address of the gateway"
	if err != nil || !a.NotAsked || a.Gone || a.Why != want {
		t.Errorf("%+v, %v", a, err)
	}
}
