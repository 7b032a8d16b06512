package radius

import (
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
)

// A gateway that does not find a session is asked again with other attributes
// before it is believed.
func TestNotFoundIsConfirmed(t *testing.T) {
	t.Parallel()
	whole := Session{ID: "s1", Username: "=2B4915", NASIPAddress: "10.0.0.1", ServiceType: "Framed-User"}
	for name, test := range map[string]struct {
		session Session
		causes  []Cause // of the answers in turn; zero is an ACK
		outcome Outcome
		sent    int
	}{
		"a value was rewritten":              {whole, []Cause{SessionNotFound, 0}, Dropped, 2},
		"Service-Type is required":           {whole, []Cause{SessionNotFound, SessionNotFound, 0}, Dropped, 3},
		"no such session":                    {whole, []Cause{SessionNotFound, SessionNotFound, SessionNotFound}, NotFound, 3},
		"it requires the other attributes":   {whole, []Cause{SessionNotFound, MissingAttribute, 407}, NotFound, 3},
		"it refuses the session":             {whole, []Cause{SessionNotFound, AdministrativelyProhibited}, Refused, 2},
		"nothing else to send":               {Session{ID: "s1", NASIPAddress: "10.0.0.1"}, []Cause{SessionNotFound}, NotFound, 1},
		"a refusal is not asked about again": {whole, []Cause{AdministrativelyProhibited}, Refused, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			received := make(chan Session, len(test.causes))
			gateway := startPeer(t, func(request []byte, before int) [][]byte {
				packet, err := radius.Parse(request, secret())
				if err != nil || before >= len(test.causes) {
					t.Errorf("request %d: %v", before, err)
					return nil
				}
				got := sessionIn(packet)
				if serviceType, err := rfc2865.ServiceType_Lookup(packet); err == nil {
					got.ServiceType = serviceType.String()
				}
				received <- got
				if test.causes[before] == 0 {
					return [][]byte{ack(t, request)}
				}
				return [][]byte{nak(t, request, test.causes[before])}
			})
			result, err := patient().Disconnect(t.Context(), gateway, test.session)
			if err != nil || result.Outcome != test.outcome || result.Sent != test.sent || len(received) != test.sent {
				t.Fatalf("%+v, %v after %d requests", result, err, len(received))
			}
			forms := []Session{
				{ID: "s1", Username: test.session.Username, NASIPAddress: "10.0.0.1"},
				{ID: "s1", NASIPAddress: "10.0.0.1"},
				whole,
			}
			for i := range test.sent {
				if got := <-received; got != forms[i] {
					t.Errorf("request %d has %+v, not %+v", i, got, forms[i])
				}
			}
		})
	}
}

// Silence on the second question leaves the outcome open.
func TestNotFoundThenSilence(t *testing.T) {
	t.Parallel()
	gateway := startPeer(t, func(request []byte, before int) [][]byte {
		if before > 0 {
			return nil
		}
		return [][]byte{nak(t, request, SessionNotFound)}
	})
	result, err := hasty().Disconnect(t.Context(), gateway, Session{ID: "s1", Username: "u"})
	if err != nil || result.Outcome != Silent || result.Gone() {
		t.Errorf("%+v, %v", result, err)
	}
}

// A gateway that has to sign its answers is not believed without a
// Message-Authenticator, and a later answer that has one counts.
func TestSignedAnswers(t *testing.T) {
	t.Parallel()
	unsigned := func(request []byte) []byte { return plain(t, responseTo(t, request, radius.CodeDisconnectACK)) }
	for name, test := range map[string]struct {
		signed  bool
		answers func(request []byte) [][]byte
		outcome Outcome
		ignored int
	}{
		"not required":     {false, func(r []byte) [][]byte { return [][]byte{unsigned(r)} }, Dropped, 0},
		"missing":          {true, func(r []byte) [][]byte { return [][]byte{unsigned(r)} }, Silent, 1},
		"first without it": {true, func(r []byte) [][]byte { return [][]byte{unsigned(r), nak(t, r, AdministrativelyProhibited)} }, Refused, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := startPeer(t, func(request []byte, before int) [][]byte {
				if before > 0 {
					return nil
				}
				return test.answers(request)
			})
			gateway.Signed = test.signed
			result, err := hasty().Disconnect(t.Context(), gateway, Session{ID: "s1"})
			if err != nil || result.Outcome != test.outcome || result.Ignored.Unsigned != test.ignored {
				t.Errorf("%+v, %v", result, err)
			}
		})
	}
}
