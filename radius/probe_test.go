package radius

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc3576"
)

func TestProbe(t *testing.T) {
	t.Parallel()
	closed, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	answers := func(answer func(request []byte) []byte) Gateway {
		return startPeer(t, func(request []byte, _ int) [][]byte {
			if s := sessionIn(parsedRequest(t, request)); !strings.HasPrefix(s.ID, "simtransfer-probe-") || s.NASIPAddress != "10.0.0.7" || s.Username != "" {
				t.Errorf("the request is for %+v", s)
			}
			return [][]byte{answer(request)}
		})
	}
	forged := answers(func(request []byte) []byte {
		wire := nak(t, request, SessionNotFound)
		wire[4] ^= 1
		return wire
	})
	for name, c := range map[string]struct {
		gateway Gateway
		want    ProbeResult
	}{
		"it has no such session": {
			answers(func(request []byte) []byte { return nak(t, request, SessionNotFound) }),
			ProbeResult{Result: Result{Outcome: NotFound, Cause: SessionNotFound}, Signed: true},
		},
		"it answers without Message-Authenticator": {
			answers(func(request []byte) []byte {
				response := responseTo(t, request, radius.CodeDisconnectNAK)
				if err := rfc3576.ErrorCause_Set(response, rfc3576.ErrorCause(SessionNotFound)); err != nil {
					t.Error(err)
				}
				return plain(t, response)
			}),
			ProbeResult{Result: Result{Outcome: NotFound, Cause: SessionNotFound}},
		},
		"it refuses": {
			answers(func(request []byte) []byte { return nak(t, request, AdministrativelyProhibited) }),
			ProbeResult{Result: Result{Outcome: Refused, Cause: AdministrativelyProhibited}, Signed: true},
		},
		"it acknowledges": {
			answers(func(request []byte) []byte { return ack(t, request) }),
			ProbeResult{Result: Result{Outcome: Dropped}, Signed: true},
		},
		"it has another secret": {forged, ProbeResult{Result: Result{Outcome: Silent, Ignored: Ignored{Forged: 1}}}},
		"it is silent":          {startPeer(t, func([]byte, int) [][]byte { return nil }), ProbeResult{Result: Result{Outcome: Silent}}},
		"the port is closed": {
			Gateway{Address: closed.LocalAddr().String(), Secret: secret()},
			ProbeResult{Result: Result{Outcome: Silent}, PortClosed: true},
		},
		"the host is unknown": {
			Gateway{Address: "gateway.invalid:3799", Secret: secret()},
			ProbeResult{Result: Result{Outcome: Silent}, Unresolved: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.gateway.Signed = true // an unsigned answer is an outcome all the same
			client := &Client{Timeout: 300 * time.Millisecond, Retry: time.Minute}
			if c.want.Outcome != Silent || c.want.Unresolved {
				client.Timeout = time.Minute
			}
			got, err := client.Probe(t.Context(), c.gateway, Session{ID: "a session", NASIPAddress: "10.0.0.7", Username: "user"})
			if err != nil {
				t.Fatal(err)
			}
			if sent := !c.want.Unresolved; (got.From == netip.MustParseAddr("127.0.0.1")) != sent || got.Sent > 1 || (got.Outcome == Silent) != (got.Reason != "") {
				t.Errorf("%+v", got)
			}
			got.From, got.Sent, got.Took, got.Reason = netip.Addr{}, 0, 0, ""
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func parsedRequest(t *testing.T, request []byte) *radius.Packet {
	t.Helper()
	p, err := radius.Parse(request, secret())
	if err != nil {
		t.Error(err)
	}
	return p
}

// A probe ends no session, also if the gateway has some.
func TestProbeEndsNoSession(t *testing.T) {
	t.Parallel()
	g, err := SimulateGateway("127.0.0.1:0", secret(), Behavior{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	g.Start(Session{ID: "a"}, Session{ID: "b", NASIPAddress: "10.0.0.7"})
	r, err := patient().Probe(t.Context(), g.Gateway(), Session{ID: "a", NASIPAddress: "10.0.0.7"})
	if err != nil || r.Outcome != NotFound || g.Count() != 2 {
		t.Errorf("%+v, %v, %d sessions", r, err, g.Count())
	}
}
