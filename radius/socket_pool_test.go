//go:build linux

package radius

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2866"
)

// seenRequest is what tells a gateway that a request is not an earlier one.
type seenRequest struct {
	port       uint16
	identifier byte
}

// recordingPeer notes where requests came from.
type recordingPeer struct {
	mu   sync.Mutex
	seen map[seenRequest]int
}

// startRecordingPeer starts a gateway that answers with what answer returns, and notes
// the source port and the identifier of each request.
func startRecordingPeer(t *testing.T, answer func(request []byte, from netip.AddrPort, send func(datagram []byte, to netip.AddrPort))) (Gateway, *recordingPeer) {
	t.Helper()
	p := &recordingPeer{seen: map[seenRequest]int{}}
	address := listen(t, func(conn *net.UDPConn, request []byte, from netip.AddrPort) {
		p.mu.Lock()
		p.seen[seenRequest{from.Port(), request[1]}]++
		p.mu.Unlock()
		answer(request, from, func(datagram []byte, to netip.AddrPort) { _, _ = conn.WriteToUDPAddrPort(datagram, to) })
	})
	return Gateway{Address: address, Secret: secret()}, p
}

func (p *recordingPeer) ports() (ports map[uint16]int, doubled int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ports = map[uint16]int{}
	for r, n := range p.seen {
		ports[r.port]++
		doubled += n - 1
	}
	return ports, doubled
}

// Sockets are used again, but never with an identifier that they have had.
func TestSocketsAreUsedAgain(t *testing.T) {
	t.Parallel()
	gateway, peer := startRecordingPeer(t, func(request []byte, from netip.AddrPort, send func([]byte, netip.AddrPort)) {
		send(ack(t, request), from)
	})
	const requests, inFlight = 3000, 4
	client := patient()
	var wg sync.WaitGroup
	for range inFlight {
		wg.Go(func() {
			for range requests / inFlight {
				if result, err := client.Disconnect(t.Context(), gateway, Session{ID: "s1"}); err != nil || result.Outcome != Dropped || result.Sent != 1 {
					t.Errorf("%+v, %v", result, err)
				}
			}
		})
	}
	wg.Wait()
	ports, doubled := peer.ports()
	if doubled != 0 {
		t.Errorf("%d requests had the source port and the identifier of an earlier one", doubled)
	}
	if most := requests/requestsPerSocket + 2*inFlight; len(ports) > most {
		t.Errorf("%d sockets for %d requests, %d at a time; want at most %d", len(ports), requests, inFlight, most)
	}
}

// An answer to an earlier request of the same socket is neither believed nor counted
// for the current one: not if it comes while the socket waits, and not if it comes
// between the next request and its answer. The same is true of one that was forged for
// the identifier that comes next.
func TestLateAnswersOnASocketThatIsUsedAgain(t *testing.T) {
	t.Parallel()
	for name, early := range map[string]bool{"before the next request": true, "after the next request": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			replays := make(chan func(), 1) // sends an answer to the first request again, and a forged one
			gateway, peer := startRecordingPeer(t, func(request []byte, from netip.AddrPort, send func([]byte, netip.AddrPort)) {
				p, err := radius.Parse(request, secret())
				if err != nil {
					t.Error(err)
					return
				}
				if rfc2866.AcctSessionID_GetString(p) == "first" {
					replays <- func() {
						send(ack(t, request), from)
						forged := ack(t, request)
						forged[1]++ // the next identifier
						send(forged, from)
					}
					send(ack(t, request), from)
					return
				}
				if !early {
					(<-replays)()
				}
				send(nak(t, request, AdministrativelyProhibited), from)
			})
			client := patient()
			if result, err := client.Disconnect(t.Context(), gateway, Session{ID: "first"}); err != nil || result.Outcome != Dropped || result.Ignored.Total() != 0 {
				t.Fatalf("%+v, %v", result, err)
			}
			if early {
				(<-replays)()
			}
			result, err := client.Disconnect(t.Context(), gateway, Session{ID: "second"})
			if err != nil || result.Outcome != Refused || result.Cause != AdministrativelyProhibited {
				t.Errorf("%+v, %v", result, err)
			}
			ports, _ := peer.ports()
			if early && (len(ports) != 2 || result.Ignored.Total() != 0) {
				t.Errorf("%d sockets, want another one for the second request; ignored: %s", len(ports), result.Ignored)
			}
			if want := (Ignored{Late: 1, Forged: 1}); !early && (len(ports) != 1 || result.Ignored != want) {
				t.Errorf("%d sockets, want one; ignored: %s", len(ports), result.Ignored)
			}
			// Something came that was not asked for, so the socket is not used any more.
			if !early && client.sockets.n != 0 {
				t.Error("the socket waits for another request")
			}
		})
	}
}

// A socket whose request was not answered, was answered late, or was given up is not
// used again: the answer may still come.
func TestSocketsWithOpenRequestsAreClosed(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	gateway, peer := startRecordingPeer(t, func(request []byte, from netip.AddrPort, send func([]byte, netip.AddrPort)) {
		p, err := radius.Parse(request, secret())
		if err != nil {
			t.Error(err)
			return
		}
		switch rfc2866.AcctSessionID_GetString(p) {
		case "silent":
		case "given up":
			cancel()
		default:
			send(ack(t, request), from)
		}
	})
	client := hasty()
	if result, err := client.Disconnect(t.Context(), gateway, Session{ID: "silent"}); err != nil || result.Outcome != Silent {
		t.Errorf("%+v, %v", result, err)
	}
	if _, err := client.Disconnect(ctx, gateway, Session{ID: "given up"}); err == nil {
		t.Error("no error")
	}
	if client.sockets.n != 0 {
		t.Errorf("%d sockets wait for another request", client.sockets.n)
	}
	if result, err := patient().Disconnect(t.Context(), gateway, Session{ID: "answered"}); err != nil || result.Outcome != Dropped {
		t.Errorf("%+v, %v", result, err)
	}
	if ports, _ := peer.ports(); len(ports) != 3 {
		t.Errorf("%d sockets, want 3", len(ports))
	}
}

// Each gateway and each source address has sockets of its own.
func TestSocketsBelongToARoute(t *testing.T) {
	t.Parallel()
	answer := func(request []byte, from netip.AddrPort, send func([]byte, netip.AddrPort)) {
		send(ack(t, request), from)
	}
	a, peerA := startRecordingPeer(t, answer)
	b, peerB := startRecordingPeer(t, answer)
	other := a
	other.Source = netip.MustParseAddr("127.0.0.7")
	client := patient()
	for _, g := range []Gateway{a, b, other, a, b, other} {
		if result, err := client.Disconnect(t.Context(), g, Session{ID: "s1"}); err != nil || result.Outcome != Dropped {
			t.Errorf("%+v, %v", result, err)
		}
	}
	portsA, _ := peerA.ports()
	portsB, _ := peerB.ports()
	if client.sockets.n != 3 || len(portsB) != 1 || len(portsA) > 2 {
		t.Errorf("%d sockets wait, want 3; one gateway was asked from %d ports, want 2, the other from %d, want 1", client.sockets.n, len(portsA), len(portsB))
	}
}
