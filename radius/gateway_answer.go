package radius

import (
	"hash/fnv"
	"net/netip"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3576"
)

// Behavior is how a simulated gateway treats requests. The zero value follows
// the protocol.
type Behavior struct {
	// Delay is the time until a request is answered. Its session ends
	// immediately, and other requests are not delayed.
	Delay time.Duration
	// Refuse, if set, is called for each request that would end a session. If
	// ok is true, the request is refused with a Disconnect-NAK and that cause.
	// It is not called concurrently.
	Refuse func(sessionID string) (cause Cause, ok bool)
	// Silent ignores requests.
	Silent bool
	// LoseAnswers carries requests out, but sends no answer.
	LoseAnswers bool
	// Garbage ends no session and answers with text that is no RADIUS packet.
	Garbage bool
	// Forge ends no session and answers with a Disconnect-ACK that is signed
	// with a wrong secret.
	Forge bool
	// OnDisconnect, if set, is called after a request has ended a session. It is
	// not called concurrently, and may run before or after the answer is sent.
	OnDisconnect func(Session)
}

// RefuseShare returns a Refuse function that refuses the given share of
// sessions, from 0 to 1, as administratively prohibited. A session that is
// refused once is always refused.
func RefuseShare(share float64) func(sessionID string) (Cause, bool) {
	return func(sessionID string) (Cause, bool) {
		hash := fnv.New64a()
		_, _ = hash.Write([]byte(sessionID))
		return AdministrativelyProhibited, float64(hash.Sum64()%10_000) < share*10_000
	}
}

// replayWindow is how far a request's Event-Timestamp may be from the
// gateway's clock (RFC 5176, section 6.3).
const replayWindow = 300 * time.Second

func (g *SimulatedGateway) handle(datagram []byte, from netip.AddrPort) {
	now := time.Now()
	request, ok := readRequest(datagram, g.secret, now)
	g.mu.Lock()
	behavior := g.behavior
	if ok {
		g.stats.Requests++
	} else {
		g.stats.Discarded++
	}
	g.mu.Unlock()

	switch {
	case !ok, behavior.Silent:
	case behavior.Garbage:
		g.send([]byte("this is not a RADIUS packet"), from, behavior.Delay)
	case behavior.Forge:
		forged := request.Response(radius.CodeDisconnectACK)
		forged.Secret = []byte("not the secret")
		g.send(encode(forged), from, behavior.Delay)
	default:
		g.obey(request, from, now, behavior)
	}
}

// readRequest returns false for datagrams that a gateway must discard silently
// (RFC 5176, sections 2.3, 3.4 and 6.3).
func readRequest(datagram, secret []byte, now time.Time) (*radius.Packet, bool) {
	wire, ok := trim(datagram)
	if !ok || wire[0] != byte(radius.CodeDisconnectRequest) || !radius.IsAuthenticRequest(wire, secret) {
		return nil, false
	}
	request, err := radius.Parse(wire, secret)
	if err != nil || !integral(request, [16]byte{}) {
		return nil, false
	}
	request.Authenticator = [16]byte(wire[4:20])
	stamp, err := rfc2869.EventTimestamp_Lookup(request)
	if err == nil && now.Sub(stamp).Abs() > replayWindow {
		return nil, false
	}
	return request, true
}

// obey carries out a request. It answers a retransmission as it did before.
func (g *SimulatedGateway) obey(request *radius.Packet, from netip.AddrPort, now time.Time, behavior Behavior) {
	key := requestKey{from, request.Identifier, request.Authenticator}
	if given, ok := g.answers.find(key, now); ok {
		g.mu.Lock()
		g.stats.Retransmissions++
		g.mu.Unlock()
		if !now.Before(given.due) && !behavior.LoseAnswers {
			g.send(given.wire, from, 0)
		}
		return
	}
	answer := request.Response(radius.CodeDisconnectACK)
	if cause := g.disconnect(sessionIn(request), behavior); cause != 0 {
		answer.Code = radius.CodeDisconnectNAK
		answer.Add(rfc3576.ErrorCause_Type, radius.NewInteger(uint32(cause)))
	}
	given := answered{wire: encode(answer), due: now.Add(behavior.Delay)}
	g.answers.add(key, given, now)
	if !behavior.LoseAnswers {
		g.send(given.wire, from, behavior.Delay)
	}
}

// disconnect ends a session, or returns the cause for which it was not ended.
func (g *SimulatedGateway) disconnect(wanted Session, behavior Behavior) Cause {
	g.mu.Lock()
	defer g.mu.Unlock()
	cause := g.objection(wanted)
	if cause == 0 && behavior.Refuse != nil {
		// Unlocked, because the function may call methods of the gateway.
		g.mu.Unlock()
		refusal, refused := behavior.Refuse(wanted.ID)
		g.mu.Lock()
		if refused {
			cause = refusal
		} else {
			cause = g.objection(wanted)
		}
	}
	if cause != 0 {
		g.stats.Naks++
		return cause
	}
	g.stats.Acks++
	if behavior.OnDisconnect != nil {
		g.ended = append(g.ended, ending{g.sessions[wanted.ID], behavior.OnDisconnect})
		select {
		case g.wake <- struct{}{}:
		default:
		}
	}
	delete(g.sessions, wanted.ID)
	return 0
}

// objection returns why a request does not identify an open session, or zero.
// All attributes of the request must match (RFC 5176, section 3); an attribute
// that the session does not have matches any value.
func (g *SimulatedGateway) objection(wanted Session) Cause {
	if wanted.ID == "" {
		return MissingAttribute
	}
	open, ok := g.sessions[wanted.ID]
	switch {
	case !ok:
		return SessionNotFound
	case differ(open.NASIPAddress, wanted.NASIPAddress):
		return NASIdentificationMismatch
	case differ(open.Username, wanted.Username),
		differ(open.CallingStationID, wanted.CallingStationID),
		differ(open.IMSI, wanted.IMSI),
		differ(open.NSAPI, wanted.NSAPI),
		differ(open.NASIdentifier, wanted.NASIdentifier),
		differ(open.NASPort, wanted.NASPort),
		differ(open.NASPortID, wanted.NASPortID),
		differ(open.FramedIP, wanted.FramedIP):
		return SessionNotFound
	default:
		return 0
	}
}

func differ(open, wanted string) bool {
	return open != "" && wanted != "" && open != wanted
}

// encode signs an answer. It cannot fail, because answers are small.
func encode(answer *radius.Packet) []byte {
	wire, _ := sign(answer)
	return wire
}
