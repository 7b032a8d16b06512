package radius

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
	"pgregory.net/rapid"

	"simtransfer/transfer"
)

func simulate(t *testing.T, behavior Behavior, open ...Session) *SimulatedGateway {
	t.Helper()
	gateway, err := SimulateGateway("127.0.0.1:0", secret(), behavior)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := gateway.Close(); err != nil {
			t.Error(err)
		}
	})
	gateway.Start(open...)
	return gateway
}

func disconnect(t *testing.T, client *Client, gateway *SimulatedGateway, session Session) Result {
	t.Helper()
	result, err := client.Disconnect(t.Context(), gateway.Gateway(), session)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func dial(t *testing.T, gateway *SimulatedGateway) net.Conn {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "udp", gateway.Gateway().Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// waitForStats waits until the gateway has received what was sent.
func waitForStats(t *testing.T, gateway *SimulatedGateway, want Stats) {
	t.Helper()
	var diff string
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if diff = cmp.Diff(want, gateway.Stats()); diff == "" {
			return
		}
	}
	t.Error(diff)
}

func TestSimulatedGateway(t *testing.T) {
	t.Parallel()
	whole := Session{
		ID: "s1", Username: "u1", CallingStationID: "491700000001", IMSI: "001010000000001",
		NASIPAddress: "192.0.2.1", FramedIP: "198.51.100.1",
	}
	with := func(change func(*Session)) Session {
		s := whole
		change(&s)
		return s
	}
	for name, test := range map[string]struct {
		wanted  Session
		outcome Outcome
		cause   Cause
	}{
		"by all attributes":      {whole, Dropped, 0},
		"by its id":              {Session{ID: "s1"}, Dropped, 0},
		"unknown id":             {with(func(s *Session) { s.ID = "s2" }), NotFound, 503},
		"another user":           {with(func(s *Session) { s.Username = "u2" }), NotFound, 503},
		"another number":         {with(func(s *Session) { s.CallingStationID = "+491700000001" }), NotFound, 503},
		"another IMSI":           {with(func(s *Session) { s.IMSI = "001010000000002" }), NotFound, 503},
		"another device address": {with(func(s *Session) { s.FramedIP = "2001:db8::1" }), NotFound, 503},
		"another gateway":        {with(func(s *Session) { s.NASIPAddress = "192.0.2.2" }), Refused, 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := simulate(t, Behavior{}, whole)
			result, err := patient().disconnect(t.Context(), gateway.Gateway(), test.wanted, transfer.GatewayAttributes()) // once
			if err != nil {
				t.Fatal(err)
			}
			if result.Outcome != test.outcome || result.Cause != test.cause {
				t.Errorf("got %v, %v", result.Outcome, result.Cause)
			}
			if gateway.Has("s1") == (test.outcome == Dropped) {
				t.Errorf("open: %t", gateway.Has("s1"))
			}
		})
	}
}

func TestTheTableOfSessions(t *testing.T) {
	t.Parallel()
	gateway := simulate(t, Behavior{}, Session{ID: "b"}, Session{ID: "a"}, Session{ID: "c"})
	gateway.Start(Session{ID: "a", Username: "again"})
	if !gateway.Stop("b") || gateway.Stop("b") || gateway.Has("b") || gateway.Count() != 2 {
		t.Error("stopping b")
	}
	want := []Session{{ID: "a", Username: "again"}, {ID: "c"}}
	if diff := cmp.Diff(want, gateway.Sessions()); diff != "" {
		t.Error(diff)
	}
	disconnect(t, patient(), gateway, Session{ID: "a"})
	disconnect(t, patient(), gateway, Session{ID: "b"})
	if diff := cmp.Diff(Stats{Requests: 2, Acks: 1, Naks: 1}, gateway.Stats()); diff != "" {
		t.Error(diff)
	}
}

func TestBehaviorsThatDoNothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		behavior Behavior
		answers  bool
	}{
		"silent":  {Behavior{Silent: true}, false},
		"garbage": {Behavior{Garbage: true}, true},
		"forge":   {Behavior{Forge: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := simulate(t, test.behavior, Session{ID: "s1"})
			result := disconnect(t, hasty(), gateway, Session{ID: "s1"})
			if result.Outcome != Silent || (result.Ignored.Total() > 0) != test.answers || !gateway.Has("s1") {
				t.Errorf("got %+v, open %t", result, gateway.Has("s1"))
			}
			gateway.SetBehavior(Behavior{})
			// What the first attempt sent last may arrive only now, and be obeyed.
			if result := disconnect(t, patient(), gateway, Session{ID: "s1"}); !result.Gone() || gateway.Has("s1") {
				t.Errorf("after the fault: %v", result)
			}
		})
	}
}

// If the answer to an attempt is lost, the next attempt finds that the session is
// gone.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	gateway := simulate(t, Behavior{LoseAnswers: true}, Session{ID: "s1"})
	// On a busy machine an attempt in haste may not even be sent.
	for tries := 0; gateway.Has("s1"); tries++ {
		if result := disconnect(t, hasty(), gateway, Session{ID: "s1"}); result.Outcome != Silent || tries > 100 {
			t.Fatalf("attempt %d: got %v", tries, result)
		}
	}
	gateway.SetBehavior(Behavior{})
	if result := disconnect(t, patient(), gateway, Session{ID: "s1"}); result.Outcome != NotFound || !result.Gone() {
		t.Errorf("got %v", result)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	gateway := simulate(t, Behavior{}, Session{ID: "stays"}, Session{ID: "goes"})
	gateway.SetBehavior(Behavior{Refuse: func(id string) (Cause, bool) {
		return ResourcesUnavailable, id == "stays" && gateway.Has(id)
	}})
	if result := disconnect(t, patient(), gateway, Session{ID: "stays"}); result.Outcome != Refused || result.Cause != 506 {
		t.Errorf("got %v", result)
	}
	if result := disconnect(t, patient(), gateway, Session{ID: "goes"}); result.Outcome != Dropped {
		t.Errorf("got %v", result)
	}
	if result := disconnect(t, patient(), gateway, Session{ID: "unknown"}); result.Outcome != NotFound {
		t.Errorf("got %v", result)
	}
	if !gateway.Has("stays") || gateway.Has("goes") {
		t.Errorf("open: %v", gateway.Sessions())
	}
}

func TestRefuseShare(t *testing.T) {
	t.Parallel()
	for _, share := range []float64{0, 0.1, 0.5, 1} {
		refuse := RefuseShare(share)
		var refused int
		const sessions = 20_000
		for i := range sessions {
			cause, no := refuse(fmt.Sprintf("%08X", i))
			if no {
				refused++
			}
			if _, again := refuse(fmt.Sprintf("%08X", i)); again != no || cause != 501 {
				t.Fatal("the answer changed")
			}
		}
		if got := float64(refused) / sessions; got < share-0.02 || got > share+0.02 || (share == 0 && refused > 0) || (share == 1 && refused < sessions) {
			t.Errorf("share %v: refused %v", share, got)
		}
	}
}

// A slow gateway answers many requests concurrently: one after the other, they
// would take longer than the timeout of each.
func TestDelaysAreConcurrent(t *testing.T) {
	t.Parallel()
	const sessions = 200
	gateway := simulate(t, Behavior{Delay: 100 * time.Millisecond})
	client := &Client{Timeout: 10 * time.Second, Retry: 10 * time.Second}
	var wg sync.WaitGroup
	for i := range sessions {
		session := Session{ID: fmt.Sprint(i)}
		gateway.Start(session)
		wg.Go(func() {
			result, err := client.Disconnect(t.Context(), gateway.Gateway(), session)
			if err != nil || result.Outcome != Dropped || result.Took < 100*time.Millisecond {
				t.Errorf("got %+v, %v", result, err)
			}
		})
	}
	wg.Wait()
}

// A request that is sent again while its answer is delayed, and again after the
// answer, is carried out only once and answered as before.
func TestRetransmissions(t *testing.T) {
	t.Parallel()
	const delay = 50 * time.Millisecond
	gateway := simulate(t, Behavior{Delay: delay}, Session{ID: "s1"})
	request, err := newRequest(secret(), Session{ID: "s1"}, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, gateway)
	read := func() Outcome {
		t.Helper()
		answer := make([]byte, radius.MaxPacketLength)
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := conn.Read(answer)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := readAnswer(answer[:n], request, secret(), false, new(Ignored))
		return a.outcome
	}
	write := func() {
		t.Helper()
		if _, err := conn.Write(request); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	write()
	write()
	if outcome, took := read(), time.Since(start); outcome != Dropped || took < delay {
		t.Errorf("first answer: %v after %s", outcome, took)
	}
	write()
	if outcome := read(); outcome != Dropped {
		t.Errorf("answer again: %v", outcome)
	}
	waitForStats(t, gateway, Stats{Requests: 3, Retransmissions: 2, Acks: 1})
	// From another socket it is another request.
	if result := disconnect(t, patient(), gateway, Session{ID: "s1"}); result.Outcome != NotFound {
		t.Errorf("got %v", result)
	}
}

func TestBadRequestsAreDiscarded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	packet := func(change func(*radius.Packet)) []byte {
		wire, err := newRequest(secret(), Session{ID: "s1"}, nil, now)
		if err != nil {
			t.Fatal(err)
		}
		p, err := radius.Parse(wire, secret())
		if err != nil {
			t.Fatal(err)
		}
		change(p)
		return plain(t, p)
	}
	for name, datagram := range map[string][]byte{
		"nothing":        {},
		"short":          {40, 1, 0, 20},
		"another secret": packet(func(p *radius.Packet) { p.Secret = []byte("another") }),
		"another code":   packet(func(p *radius.Packet) { p.Code = radius.CodeCoARequest }),
		"wrong message-authenticator": packet(func(p *radius.Packet) {
			_ = rfc2869.MessageAuthenticator_Set(p, make([]byte, 16))
		}),
		"an old one": packet(func(p *radius.Packet) {
			_ = rfc2869.EventTimestamp_Set(p, now.Add(-time.Hour))
			_, _ = sign(p)
		}),
		"one from the future": packet(func(p *radius.Packet) {
			_ = rfc2869.EventTimestamp_Set(p, now.Add(time.Hour))
			_, _ = sign(p)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, ok := readRequest(datagram, secret(), now); ok {
				t.Error("believed")
			}
		})
	}
	// The same way of making them gives one that is believed.
	if _, ok := readRequest(packet(func(*radius.Packet) {}), secret(), now); !ok {
		t.Error("a good request is not believed")
	}
}

func TestRequestWithoutSessionIDIsRefused(t *testing.T) {
	t.Parallel()
	p := radius.New(radius.CodeDisconnectRequest, secret())
	_ = rfc2865.UserName_SetString(p, "u1")
	request := sealed(t, p)
	gateway := simulate(t, Behavior{}, Session{ID: "s1", Username: "u1"}, Session{})
	conn := dial(t, gateway)
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	var answer [radius.MaxPacketLength]byte
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, err := conn.Read(answer[:])
	if err != nil {
		t.Fatal(err)
	}
	if a, _ := readAnswer(answer[:n], request, secret(), false, new(Ignored)); a.outcome != Refused || a.cause != MissingAttribute {
		t.Errorf("got %v, %v", a.outcome, a.cause)
	}
}

// Attributes of other vendors, and malformed ones, may precede the IMSI.
func TestIMSIAmongVendorAttributes(t *testing.T) {
	t.Parallel()
	p := radius.New(radius.CodeDisconnectRequest, secret())
	for _, attribute := range []radius.Attribute{
		{0, 0},
		{0, 0, 0, 9, 1, 3, 'x'},
		{0, 0, 0x28, 0xaf, 1, 99, '1'},
		{0, 0, 0x28, 0xaf, 2, 3, '2'},
		{0, 0, 0x28, 0xaf, 1, 5, '0', '0', '1'},
	} {
		p.Add(rfc2865.VendorSpecific_Type, attribute)
	}
	if got := sessionIn(p).IMSI; got != "001" {
		t.Errorf("got %q", got)
	}
}

func TestWrongSecretIsSilentAndCounted(t *testing.T) {
	t.Parallel()
	gateway := simulate(t, Behavior{}, Session{ID: "s1"})
	wrong := gateway.Gateway()
	wrong.Secret = []byte("wrong")
	result, err := hasty().Disconnect(t.Context(), wrong, Session{ID: "s1"})
	if err != nil || result.Outcome != Silent || !gateway.Has("s1") {
		t.Errorf("got %v, %v", result, err)
	}
	waitForStats(t, gateway, Stats{Discarded: result.Sent})
}

func TestOnDisconnect(t *testing.T) {
	t.Parallel()
	const sessions = 100
	var told []Session
	release := make(chan struct{})
	gateway := simulate(t, Behavior{OnDisconnect: func(s Session) {
		<-release
		told = append(told, s)
	}})
	var want []Session
	for i := range sessions {
		session := Session{ID: fmt.Sprint(i), Username: "u"}
		gateway.Start(session)
		want = append(want, session)
		// The hook is stuck; answers come all the same.
		if result := disconnect(t, patient(), gateway, Session{ID: session.ID}); result.Outcome != Dropped {
			t.Fatalf("got %v", result)
		}
	}
	close(release)
	if err := gateway.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
}

func TestCloseGivesUpDelayedAnswers(t *testing.T) {
	t.Parallel()
	received := make(chan struct{})
	gateway := simulate(t, Behavior{
		Delay:        time.Hour,
		OnDisconnect: func(Session) { close(received) },
	}, Session{ID: "s1"})
	ctx, cancel := context.WithCancel(t.Context())
	var finished sync.WaitGroup
	finished.Go(func() {
		if _, err := patient().Disconnect(ctx, gateway.Gateway(), Session{ID: "s1"}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	<-received
	cancel()
	finished.Wait()
	for range 2 {
		if err := gateway.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSimulateGatewayErrors(t *testing.T) {
	t.Parallel()
	if _, err := SimulateGateway("127.0.0.1:0", nil, Behavior{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("no secret: %v", err)
	}
	if _, err := SimulateGateway("nowhere", secret(), Behavior{}); err == nil {
		t.Error("no port: no error")
	}
	gateway := simulate(t, Behavior{})
	if _, err := SimulateGateway(gateway.Gateway().Address, secret(), Behavior{}); err == nil {
		t.Error("port in use: no error")
	}
}

// Many goroutines drop many sessions while behaviors change. Afterwards exactly
// the sessions that were reported as gone are gone.
func TestGoneMeansGone(t *testing.T) {
	t.Parallel()
	const sessions = 2_000
	gateway := simulate(t, Behavior{})
	for i := range sessions {
		gateway.Start(Session{ID: fmt.Sprint(i)})
	}
	faults := []Behavior{
		{},
		{Refuse: RefuseShare(0.5)},
		{Delay: 5 * time.Millisecond},
		{LoseAnswers: true},
		{Silent: true},
		{Forge: true},
		{Garbage: true},
	}
	client := &Client{Timeout: 20 * time.Millisecond, Retry: 5 * time.Millisecond}
	var next, silent atomic.Int64
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < sessions; i = next.Add(1) - 1 {
				gateway.SetBehavior(faults[i/100%int64(len(faults))])
				id := fmt.Sprint(i)
				result, err := client.Disconnect(t.Context(), gateway.Gateway(), Session{ID: id})
				switch {
				case err != nil:
					t.Error(err)
				case result.Outcome == Silent:
					silent.Add(1)
				case result.Gone() == gateway.Has(id):
					t.Errorf("session %s: %v, open %t", id, result, gateway.Has(id))
				}
			}
		})
	}
	wg.Wait()
	if silent.Load() == 0 || silent.Load() == sessions {
		t.Errorf("%d of %d attempts without an answer: the test tested nothing", silent.Load(), sessions)
	}
}

// The memory finds exactly the answers that are not too old, whatever their delays.
func TestMemory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var m memory
		now := time.Unix(0, 0)
		added := make(map[byte]time.Time) // when the answer is due
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			id := rapid.Byte().Draw(t, "identifier")
			_, found := m.find(requestKey{identifier: id}, now)
			due, known := added[id]
			if fresh := known && !now.After(due.Add(rememberFor)); fresh && !found {
				t.Fatalf("forgot an answer of %s before %s", due, now)
			}
			if found {
				continue
			}
			delay := time.Duration(rapid.IntRange(0, 2000).Draw(t, "delay")) * time.Millisecond
			m.add(requestKey{identifier: id}, answered{due: now.Add(delay)}, now)
			added[id] = now.Add(delay)
			if len(m.order) != len(m.answers) {
				t.Fatalf("%d in order, %d answers", len(m.order), len(m.answers))
			}
		}
		m.find(requestKey{}, now.Add(time.Hour))
		if len(m.answers)+len(m.order) != 0 {
			t.Fatal("old answers are kept")
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	var m memory
	now := time.Unix(0, 0)
	for i := range maxRemembered + 10 {
		key := requestKey{authenticator: [16]byte{byte(i), byte(i >> 8), byte(i >> 16)}}
		m.add(key, answered{due: now}, now)
	}
	if len(m.answers) != maxRemembered || len(m.order) != maxRemembered {
		t.Errorf("%d answers kept", len(m.answers))
	}
	if _, found := m.find(requestKey{}, now); found {
		t.Error("the oldest answer is kept")
	}
}
