package radius

import (
	"hash/fnv"
	"net/netip"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3576"
)

// Behavior is how a simulated gateway treats requests; the zero value is a
// well-behaved one.
type Behavior struct {
	// Delay is the time until a request is answered. Its session ends at once,
	// and other requests do not wait.
	Delay time.Duration
	// Refuse is asked for each request that would end a session; ok refuses it
	// with a Disconnect-NAK and that cause. It is called by one goroutine at a
	// time.
	Refuse func(sessionID string) (cause Cause, ok bool)
	// Silent: requests are received, and nothing happens.
	Silent bool
	// LoseAnswers: requests are carried out, but no answer arrives.
	LoseAnswers bool
	// Garbage: nothing happens but an answer that is no packet.
	Garbage bool
	// Forge: nothing happens but a Disconnect-ACK from a sender that does not know
	// the secret.
	Forge bool
	// OnDisconnect is called after a request has ended a session, for one
	// session at a time and apart from the answer, which may come before or
	// after.
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

// readRequest returns false for what a gateway silently discards (RFC 5176,
// sections 2.3, 3.4 and 6.3).
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

// obey carries a request out, or answers as it did before.
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

// disconnect ends a session, or returns why not.
func (g *SimulatedGateway) disconnect(wanted Session, behavior Behavior) Cause {
	g.mu.Lock()
	defer g.mu.Unlock()
	cause := g.objection(wanted)
	if cause == 0 && behavior.Refuse != nil {
		// The caller's function may look at the gateway.
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

// objection returns why a request does not name an open session, or zero. What
// it names must all match (RFC 5176, section 3); what this gateway was not
// told of a session matches anything.
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
		differ(open.FramedIP, wanted.FramedIP):
		return SessionNotFound
	default:
		return 0
	}
}

func differ(open, wanted string) bool {
	return open != "" && wanted != "" && open != wanted
}

// encode signs an answer, which is small enough never to fail.
func encode(answer *radius.Packet) []byte {
	wire, _ := sign(answer)
	return wire
}
