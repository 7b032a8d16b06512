package radius

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3162"
	"layeh.com/radius/rfc3576"

	"simtransfer/transfer"
)

// patient does not resend during a test, and hasty gives up soon. Each test uses
// the client that does not make it wait.
func patient() *Client {
	return &Client{Timeout: 30 * time.Second, Retry: 30 * time.Second}
}

func hasty() *Client {
	return &Client{Timeout: 150 * time.Millisecond, Retry: 20 * time.Millisecond}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		answer  func(t *testing.T, request []byte) []byte
		outcome Outcome
		gone    bool
		words   string
	}{
		{
			"ack",
			func(t *testing.T, r []byte) []byte { return ack(t, r) },
			Dropped, true, "dropped",
		},
		{
			"ack without message-authenticator",
			func(t *testing.T, r []byte) []byte { return plain(t, responseTo(t, r, radius.CodeDisconnectACK)) },
			Dropped, true, "dropped",
		},
		{
			"ack followed by padding",
			func(t *testing.T, r []byte) []byte { return append(ack(t, r), 1, 2, 3) },
			Dropped, true, "dropped",
		},
		{
			"ack that removed what was left of a session",
			func(t *testing.T, r []byte) []byte {
				response := responseTo(t, r, radius.CodeDisconnectACK)
				_ = rfc3576.ErrorCause_Set(response, 201)
				return sealed(t, response)
			},
			Dropped, true, "dropped",
		},
		{
			"nak 503",
			func(t *testing.T, r []byte) []byte { return nak(t, r, 503) },
			NotFound, true, "already gone: 503 session context not found",
		},
		{
			"nak 501",
			func(t *testing.T, r []byte) []byte { return nak(t, r, 501) },
			Refused, false, "refused: 501 administratively prohibited",
		},
		{
			"nak 999",
			func(t *testing.T, r []byte) []byte { return nak(t, r, 999) },
			Refused, false, "refused: 999 unknown cause",
		},
		{
			"nak with two causes",
			func(t *testing.T, r []byte) []byte {
				response := responseTo(t, r, radius.CodeDisconnectNAK)
				response.Add(rfc3576.ErrorCause_Type, radius.NewInteger(503))
				response.Add(rfc3576.ErrorCause_Type, radius.NewInteger(501))
				return sealed(t, response)
			},
			Refused, false, "refused: 501 administratively prohibited",
		},
		{
			"nak without cause",
			func(t *testing.T, r []byte) []byte { return nak(t, r, 0) },
			Refused, false, "refused: no cause given",
		},
		{
			"nak with a cause of three bytes",
			func(t *testing.T, r []byte) []byte {
				response := responseTo(t, r, radius.CodeDisconnectNAK)
				response.Add(rfc3576.ErrorCause_Type, []byte{0, 1, 247})
				return sealed(t, response)
			},
			Refused, false, "refused: no cause given",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			gateway := startPeer(t, func(request []byte, _ int) [][]byte {
				return [][]byte{test.answer(t, request)}
			})
			result, err := patient().Disconnect(t.Context(), gateway, Session{ID: "s1"})
			if err != nil {
				t.Fatal(err)
			}
			if result.Outcome != test.outcome || result.Gone() != test.gone || result.String() != test.words {
				t.Errorf("got %v, gone %t, %q", result.Outcome, result.Gone(), result)
			}
			if result.Sent != 1 || result.Ignored.Total() != 0 || result.Took <= 0 || result.Reason != "" {
				t.Errorf("got %+v", result)
			}
		})
	}
}

// untrue returns datagrams that are not authentic answers to the request. Each is
// wrong in one way, and would be accepted if that was not checked.
func untrue(t testing.TB) map[string]func(request []byte) []byte {
	return map[string]func([]byte) []byte{
		"nothing":      func([]byte) []byte { return nil },
		"garbage":      func([]byte) []byte { return []byte("\x29this is no packet of ours, is it?") },
		"the request":  func(r []byte) []byte { return r },
		"a cut answer": func(r []byte) []byte { return ack(t, r)[:30] },
		"a length of 19": func(r []byte) []byte {
			return append([]byte{41, r[1], 0, 19}, ack(t, r)[4:]...)
		},
		"a changed authenticator": func(r []byte) []byte {
			answer := ack(t, r)
			answer[7] ^= 1
			return answer
		},
		"a NAK made an ACK": func(r []byte) []byte {
			answer := nak(t, r, 501)
			answer[0] = byte(radius.CodeDisconnectACK)
			return answer
		},
		"another secret": func(r []byte) []byte {
			response := responseTo(t, r, radius.CodeDisconnectACK)
			response.Secret = []byte("another secret")
			return sealed(t, response)
		},
		"another identifier": func(r []byte) []byte {
			response := responseTo(t, r, radius.CodeDisconnectACK)
			response.Identifier++
			return sealed(t, response)
		},
		"the answer to another request": func(r []byte) []byte {
			other, err := newRequest(secret(), Session{ID: "other"}, nil, time.Now())
			if err != nil {
				t.Error(err)
			}
			other[1] = r[1]
			return ack(t, other)
		},
		"a CoA-ACK":        func(r []byte) []byte { return sealed(t, responseTo(t, r, radius.CodeCoAACK)) },
		"an Access-Accept": func(r []byte) []byte { return sealed(t, responseTo(t, r, radius.CodeAccessAccept)) },
		"a wrong message-authenticator": func(r []byte) []byte {
			response := responseTo(t, r, radius.CodeDisconnectACK)
			_ = rfc2869.MessageAuthenticator_Set(response, make([]byte, 16))
			return plain(t, response)
		},
		"a short message-authenticator": func(r []byte) []byte {
			response := responseTo(t, r, radius.CodeDisconnectACK)
			response.Add(rfc2869.MessageAuthenticator_Type, nil)
			return plain(t, response)
		},
		"two message-authenticators": func(r []byte) []byte {
			response := responseTo(t, r, radius.CodeDisconnectACK)
			mac, _ := messageAuthenticator(response)
			_ = rfc2869.MessageAuthenticator_Set(response, mac)
			_ = rfc2869.MessageAuthenticator_Add(response, mac)
			return plain(t, response)
		},
		"an attribute that overruns": func(r []byte) []byte {
			response := responseTo(t, r, radius.CodeDisconnectACK)
			response.Add(18, []byte("hello"))
			wire, err := response.MarshalBinary()
			if err != nil {
				t.Error(err)
			}
			wire[21] = 200
			return authenticated(wire, r)
		},
	}
}

// authenticated sets a correct response authenticator in bytes that no encoder
// would produce.
func authenticated(wire, request []byte) []byte {
	hash := md5.New()
	hash.Write(wire[:4])
	hash.Write(request[4:20])
	hash.Write(wire[20:])
	hash.Write(secret())
	hash.Sum(wire[4:4])
	return wire
}

func TestUntrueAnswersAreNotBelieved(t *testing.T) {
	t.Parallel()
	for name, make := range untrue(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := startPeer(t, func(request []byte, _ int) [][]byte { return [][]byte{make(request)} })
			result, err := hasty().Disconnect(t.Context(), gateway, Session{ID: "s1"})
			if err != nil {
				t.Fatal(err)
			}
			if result.Outcome != Silent || result.Gone() || result.Ignored.Total() == 0 {
				t.Errorf("got %+v", result)
			}
			if !strings.Contains(result.String(), "no authentic answer") {
				t.Errorf("got %q", result)
			}
			kind := "forged"
			switch name {
			case "another identifier":
				kind = "late"
			case "nothing", "garbage", "the request", "a cut answer", "a length of 19", "a CoA-ACK", "an Access-Accept",
				"an attribute that overruns":
				kind = "malformed"
			case "a short message-authenticator":
				kind = "" // either
			}
			if kinds := result.Ignored.Kinds(); len(kinds) != 1 || kind != "" && kinds[0].Name != kind {
				t.Errorf("counted as %v", kinds)
			}
		})
	}
}

func TestTheTrueAnswerIsFoundAmongUntrueOnes(t *testing.T) {
	t.Parallel()
	fakes := untrue(t)
	gateway := startPeer(t, func(request []byte, _ int) [][]byte {
		var answers [][]byte
		for _, fake := range fakes {
			answers = append(answers, fake(request))
		}
		return append(answers, nak(t, request, 501), ack(t, request))
	})
	result, err := patient().Disconnect(t.Context(), gateway, Session{ID: "s1"})
	if err != nil {
		t.Fatal(err)
	}
	ignored := result.Ignored.Total() - result.Ignored.Doubled // the ACK may arrive too late to be counted
	if ignored != len(fakes) || result.Ignored.Doubled > 1 {
		t.Errorf("ignored: %s", result.Ignored)
	}
	want := Result{Outcome: Refused, Cause: 501, Sent: 1, Ignored: result.Ignored, Took: result.Took}
	if diff := cmp.Diff(want, result); diff != "" {
		t.Error(diff)
	}
}

func TestSameBytesAreSentAgain(t *testing.T) {
	t.Parallel()
	var first []byte
	gateway := startPeer(t, func(request []byte, before int) [][]byte {
		switch {
		case before == 0:
			first = request
		case !bytes.Equal(first, request):
			t.Errorf("retransmission %d differs", before)
		case before == 3:
			return [][]byte{ack(t, request)}
		}
		return nil
	})
	client := &Client{Timeout: 30 * time.Second, Retry: time.Millisecond}
	result, err := client.Disconnect(t.Context(), gateway, Session{ID: "s1"})
	if err != nil || result.Outcome != Dropped || result.Sent < 4 {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestSilence(t *testing.T) {
	t.Parallel()
	gateway := startPeer(t, func([]byte, int) [][]byte { return nil })
	result, err := hasty().Disconnect(t.Context(), gateway, Session{ID: "s1"})
	if err != nil {
		t.Fatal(err)
	}
	if result.Outcome != Silent || result.Sent < 1 || result.Ignored.Total() != 0 || result.Took < hasty().Timeout {
		t.Errorf("got %+v", result)
	}
	if !strings.Contains(result.String(), "nothing received in") {
		t.Errorf("got %q", result)
	}
}

// An answer that comes after the end of an attempt does not reach the next
// attempt, which has its own socket.
func TestLateAnswerIsNotTheNextOnes(t *testing.T) {
	t.Parallel()
	var late []byte
	gateway := startPeer(t, func(request []byte, _ int) [][]byte {
		packet, err := radius.Parse(request, secret())
		if err != nil {
			t.Error(err)
			return nil
		}
		if rfc2866.AcctSessionID_GetString(packet) == "first" {
			late = ack(t, request)
			return nil
		}
		return [][]byte{late, nak(t, request, 504)}
	})
	if result, err := hasty().Disconnect(t.Context(), gateway, Session{ID: "first"}); err != nil || result.Outcome != Silent {
		t.Fatalf("got %+v, %v", result, err)
	}
	result, err := patient().Disconnect(t.Context(), gateway, Session{ID: "second"})
	if err != nil || result.Outcome != Refused || result.Ignored.Total() != 1 {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestClosedPortIsSilentAtOnce(t *testing.T) {
	t.Parallel()
	// No other test listens on this address, so the port stays closed.
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 9)})
	if err != nil {
		t.Fatal(err)
	}
	address := conn.LocalAddr().String()
	_ = conn.Close()
	result, err := patient().Disconnect(t.Context(), Gateway{Address: address, Secret: secret()}, Session{ID: "s1"})
	if err != nil || result.Outcome != Silent || result.String() != "no answer: connection refused" {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestUnknownHostIsSilent(t *testing.T) {
	t.Parallel()
	result, err := hasty().Disconnect(t.Context(), Gateway{Address: "gateway.invalid:3799", Secret: secret()}, Session{ID: "s1"})
	if err != nil || result.Outcome != Silent || !strings.Contains(result.Reason, "gateway.invalid") {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestCallersContext(t *testing.T) {
	t.Parallel()
	t.Run("canceled while waiting", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		gateway := startPeer(t, func([]byte, int) [][]byte {
			cancel()
			return nil
		})
		start := time.Now()
		_, err := patient().Disconnect(ctx, gateway, Session{ID: "s1"})
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), `session "s1"`) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took >= patient().Timeout {
			t.Errorf("came back only after %s", took)
		}
	})
	t.Run("deadline before the time-out", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		gateway := startPeer(t, func([]byte, int) [][]byte { return nil })
		if _, err := patient().Disconnect(ctx, gateway, Session{ID: "s1"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("canceled before", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var received atomic.Int32
		gateway := startPeer(t, func([]byte, int) [][]byte { received.Add(1); return nil })
		if _, err := patient().Disconnect(ctx, gateway, Session{ID: "s1"}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if received.Load() != 0 {
			t.Error("a request was sent all the same")
		}
	})
}

func TestInvalidArguments(t *testing.T) {
	t.Parallel()
	good := Gateway{Address: "127.0.0.1:3799", Secret: secret(), Attributes: transfer.GatewayAttributes()}
	for name, test := range map[string]struct {
		gateway Gateway
		session Session
	}{
		"no session id":   {good, Session{Username: "u"}},
		"no secret":       {Gateway{Address: good.Address}, Session{ID: "s1"}},
		"no port":         {Gateway{Address: "127.0.0.1", Secret: secret()}, Session{ID: "s1"}},
		"named port":      {Gateway{Address: "127.0.0.1:radius", Secret: secret()}, Session{ID: "s1"}},
		"port zero":       {Gateway{Address: "127.0.0.1:0", Secret: secret()}, Session{ID: "s1"}},
		"no host":         {Gateway{Address: ":3799", Secret: secret()}, Session{ID: "s1"}},
		"long session id": {good, Session{ID: strings.Repeat("x", 254)}},
		"long user name":  {good, Session{ID: "s1", Username: strings.Repeat("x", 254)}},
		"long IMSI":       {good, Session{ID: "s1", IMSI: "0010100000000001"}},
		"no NAS address":  {good, Session{ID: "s1", NASIPAddress: "gateway"}},
		"no framed IP":    {good, Session{ID: "s1", FramedIP: "10.0.0.1/32"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := patient().Disconnect(t.Context(), test.gateway, test.session)
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("got %v", err)
			}
			if err != nil && strings.Contains(err.Error(), string(secret())) {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestRequestOnTheWire(t *testing.T) {
	t.Parallel()
	received := make(chan []byte, 1)
	gateway := startPeer(t, func(request []byte, _ int) [][]byte {
		received <- request
		return [][]byte{ack(t, request)}
	})
	gateway.Attributes = transfer.GatewayAttributes()
	before := time.Now().Truncate(time.Second)
	_, err := patient().Disconnect(t.Context(), gateway, Session{
		ID:               "0A0B0C0D",
		Username:         "user@apn.example",
		CallingStationID: "491700000001",
		IMSI:             "001010000000001",
		NASIPAddress:     "192.0.2.7",
		FramedIP:         "198.51.100.9",
	})
	if err != nil {
		t.Fatal(err)
	}
	wire := <-received
	if !radius.IsAuthenticRequest(wire, secret()) {
		t.Error("the request authenticator is wrong")
	}
	p, err := radius.Parse(wire, secret())
	if err != nil {
		t.Fatal(err)
	}
	if p.Code != radius.CodeDisconnectRequest {
		t.Errorf("code %s", p.Code)
	}
	if stamp := rfc2869.EventTimestamp_Get(p); stamp.Before(before) || stamp.After(time.Now()) {
		t.Errorf("event timestamp %s", stamp)
	}
	imsi := append([]byte{0, 0, 0x28, 0xaf, 1, 17}, "001010000000001"...)
	if !bytes.Equal(p.Get(rfc2865.VendorSpecific_Type), imsi) {
		t.Errorf("vendor-specific % x", p.Get(rfc2865.VendorSpecific_Type))
	}
	want := []string{"0A0B0C0D", "user@apn.example", "491700000001", "192.0.2.7", "198.51.100.9"}
	got := []string{
		rfc2866.AcctSessionID_GetString(p),
		rfc2865.UserName_GetString(p),
		rfc2865.CallingStationID_GetString(p),
		rfc2865.NASIPAddress_Get(p).String(),
		rfc2865.FramedIPAddress_Get(p).String(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(p.Attributes) != 8 {
		t.Errorf("%d attributes", len(p.Attributes))
	}
	// Recomputed from the bytes, not with the code under test.
	at := bytes.Index(wire, []byte{byte(rfc2869.MessageAuthenticator_Type), 18}) + 2
	mac := append([]byte(nil), wire[at:at+16]...)
	clear(wire[at : at+16])
	clear(wire[4:20])
	hash := hmac.New(md5.New, secret())
	hash.Write(wire)
	if !hmac.Equal(mac, hash.Sum(nil)) {
		t.Error("the message authenticator is wrong")
	}
}

func TestEmptyAttributesAreNotSent(t *testing.T) {
	t.Parallel()
	wire, err := newRequest(secret(), Session{ID: "s1"}, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p, err := radius.Parse(wire, secret())
	if err != nil {
		t.Fatal(err)
	}
	var types []radius.Type
	for _, attribute := range p.Attributes {
		types = append(types, attribute.Type)
	}
	want := []radius.Type{rfc2866.AcctSessionID_Type, rfc2869.EventTimestamp_Type, rfc2869.MessageAuthenticator_Type}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Error(diff)
	}
}

func TestIPv6Attributes(t *testing.T) {
	t.Parallel()
	wire, err := newRequest(secret(), Session{ID: "s1", NASIPAddress: "2001:db8::1", FramedIP: "::ffff:192.0.2.1"}, transfer.GatewayAttributes(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p, err := radius.Parse(wire, secret())
	if err != nil {
		t.Fatal(err)
	}
	if got := rfc3162.NASIPv6Address_Get(p).String(); got != "2001:db8::1" {
		t.Errorf("NAS-IPv6-Address %s", got)
	}
	if got := rfc2865.FramedIPAddress_Get(p).String(); got != "192.0.2.1" {
		t.Errorf("Framed-IP-Address %s", got)
	}
}

func TestGatewayNeverShowsItsSecret(t *testing.T) {
	t.Parallel()
	gateway := Gateway{Address: "192.0.2.1:3799", Secret: secret()}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v %+v %#v %s %q %x %v", gateway, gateway, gateway, gateway, gateway, gateway, []Gateway{gateway})
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "gateway", gateway, "pointer", &gateway)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "gateway", gateway, "pointer", &gateway)
	if err := json.NewEncoder(&out).Encode(gateway); err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{string(secret()), fmt.Sprintf("%d", secret()), fmt.Sprintf("%x", secret()), base64.StdEncoding.EncodeToString(secret())} {
		if strings.Contains(out.String(), form) {
			t.Errorf("found %q in %s", form, out.String())
		}
	}
	if strings.Count(out.String(), "192.0.2.1:3799") != 12 {
		t.Errorf("got %s", out.String())
	}
}

//nolint:paralleltest // It counts the open files of the whole process.
func TestNoSocketStaysOpen(t *testing.T) {
	const table = "/proc/self/fd"
	if _, err := os.Stat(table); err != nil {
		t.Skip("needs /proc")
	}
	open := func() int {
		files, err := os.ReadDir(table)
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	gateway := startPeer(t, func(request []byte, _ int) [][]byte { return [][]byte{ack(t, request)} })
	before := open()
	const attempts = 2*requestsPerSocket + 50
	client := patient()
	for range attempts {
		if _, err := client.Disconnect(t.Context(), gateway, Session{ID: "s1"}); err != nil {
			t.Fatal(err)
		}
	}
	if after := open(); after >= before+20 {
		t.Errorf("%d files open, %d before", after, before)
	}
	if client.sockets.n != 1 {
		t.Errorf("%d sockets wait, want the last one", client.sockets.n)
	}
	client.sockets.closeIdle(time.Minute)
	if client.sockets.n != 1 {
		t.Error("a socket was closed before its time")
	}
	client.sockets.closeIdle(0)
	if client.sockets.n != 0 || client.sockets.sweep != nil {
		t.Errorf("%d sockets wait indefinitely", client.sockets.n)
	}
}

// Why there was no answer names no DNS server.
func TestNetworkReason(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		`DNS has no address for the name "pgw.example"`:        &net.DNSError{Err: "no such host", Name: "pgw.example", Server: "10.0.0.2:53", IsNotFound: true},
		`the name "pgw.example" could not be looked up in DNS`: &net.DNSError{Err: "i/o timeout", Name: "pgw.example", Server: "10.0.0.2:53", IsTimeout: true},
		"connection refused": &net.OpError{Op: "read", Net: "udp", Err: os.NewSyscallError("recvfrom", syscall.ECONNREFUSED)},
	} {
		if got := networkReason(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
