package radius

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2869"

	"simtransfer/transfer"
)

// FuzzAnswer feeds arbitrary bytes to the judgement of answers. They must
// never panic, and never count as an answer unless the response authenticator
// is true, recomputed here from RFC 2865, section 3. Each input is then given
// a true authenticator for whatever it says, so that the code
// after that check is reached too.
func FuzzAnswer(f *testing.F) {
	request, err := newRequest(secret(), Session{ID: "s1"}, nil, time.Unix(1_700_000_000, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ack(f, request))
	f.Add(nak(f, request, 503))
	f.Add(nak(f, request, 501))
	for _, fake := range untrue(f) {
		f.Add(fake(request))
	}
	f.Fuzz(func(t *testing.T, datagram []byte) {
		judge(t, datagram, request)
		if wire, ok := trim(bytes.Clone(datagram)); ok {
			wire[1] = request[1]
			judge(t, authenticated(wire, request), request)
		}
	})
}

// judge compares readAnswer with a second implementation of the rules.
func judge(t *testing.T, datagram, request []byte) {
	t.Helper()
	before := bytes.Clone(datagram)
	var wrong Ignored
	a, ok := readAnswer(datagram, request, secret(), false, &wrong)
	outcome, cause := a.outcome, a.cause
	if want := map[bool]int{true: 0, false: 1}[ok]; wrong.Total() != want {
		t.Fatalf("believed: %t, counted as %+v", ok, wrong)
	}
	if !bytes.Equal(before, datagram) {
		t.Fatal("the datagram was changed")
	}
	if !ok {
		if outcome != 0 || cause != 0 {
			t.Fatalf("not an answer, and yet %v, %v", outcome, cause)
		}
		return
	}
	wire, _ := trim(datagram)
	if !bytes.Equal(authenticated(bytes.Clone(wire), request), wire) {
		t.Fatal("believed without a true response authenticator")
	}
	if wire[1] != request[1] {
		t.Fatal("believed with another identifier")
	}
	for at := 20; at < len(wire); at += int(wire[at+1]) {
		if wire[at] == byte(rfc2869.MessageAuthenticator_Type) && !hmac.Equal(wire[at+2:at+18], macAt(wire, request, at+2)) {
			t.Fatal("believed with a wrong Message-Authenticator")
		}
	}
	switch {
	case wire[0] == 41 && outcome == Dropped:
	case wire[0] == 42 && outcome == NotFound && cause == 503:
	case wire[0] == 42 && outcome == Refused && cause != 503:
	default:
		t.Fatalf("code %d made %v, cause %v", wire[0], outcome, cause)
	}
}

func macAt(wire, request []byte, at int) []byte {
	wire = bytes.Clone(wire)
	copy(wire[4:20], request[4:20])
	clear(wire[at : at+md5.Size])
	mac := hmac.New(md5.New, secret())
	mac.Write(wire)
	return mac.Sum(nil)
}

// FuzzRequest passes arbitrary bytes to a gateway, unchanged and with a correct
// request authenticator.
func FuzzRequest(f *testing.F) {
	now := time.Unix(1_700_000_000, 0)
	wire, err := newRequest(secret(), Session{
		ID: "s1", Username: "u", CallingStationID: "491700000001", IMSI: "001010000000001",
		NASIPAddress: "192.0.2.1", FramedIP: "2001:db8::1",
	}, transfer.GatewayAttributes(), now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	f.Add([]byte{40, 0, 0, 20})
	f.Fuzz(func(t *testing.T, datagram []byte) {
		wire, _ := trim(bytes.Clone(datagram))
		if _, ok := readRequest(datagram, secret(), now); ok && !radius.IsAuthenticRequest(wire, secret()) {
			t.Fatal("believed without a true request authenticator")
		}
		if len(wire) == 0 {
			return
		}
		if request, ok := readRequest(authenticated(wire, make([]byte, 20)), secret(), now); ok {
			_ = sessionIn(request)
		}
	})
}
