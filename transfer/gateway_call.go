package transfer

import (
	"encoding/base64"
	"unicode/utf8"
)

// The types of calls to gateways without RADIUS.
const (
	CallDisconnect = "gateway.disconnect" // end a session
	CallTest       = "gateway.test"       // a probe: answer 204, and end nothing
)

// GatewayCall is the body of a call to a gateway without RADIUS, as Standard
// Webhooks has it.
type GatewayCall struct {
	Type      string       `json:"type"`
	Timestamp string       `json:"timestamp"`
	Data      *CallSession `json:"data"`
}

// CallSession names the session to end. Texts that accounting did not report, or that
// are not UTF-8, are left out.
type CallSession struct {
	SessionID        string `json:"acct_session_id,omitempty" doc:"Acct-Session-Id, if it is UTF-8."`
	SessionBase64    string `json:"acct_session_id_base64,omitempty" doc:"The bytes of Acct-Session-Id in base64. Left out in a test."`
	NASIPAddress     string `json:"nas_ip_address" example:"10.0.0.2" doc:"The address with which the gateway reports its accounting."`
	NASIdentifier    string `json:"nas_identifier,omitempty"`
	NASPort          string `json:"nas_port,omitempty"`
	NASPortID        string `json:"nas_port_id,omitempty"`
	UserName         string `json:"user_name,omitempty"`
	CallingStationID string `json:"calling_station_id,omitempty"`
	IMSI             string `json:"imsi,omitempty" doc:"3GPP-IMSI."`
	NSAPI            string `json:"nsapi,omitempty" doc:"3GPP-NSAPI."`
	FramedIP         string `json:"framed_ip_address,omitempty"`
	FramedIPv6       string `json:"framed_ipv6_address,omitempty"`
	FramedIPv6Prefix string `json:"framed_ipv6_prefix,omitempty"`
	Class            string `json:"class,omitempty" doc:"The Class attributes as FreeRADIUS stores them: each 0x and hexadecimal digits, separated by commas."`
}

// WithSessionID returns the session with the bytes of its Acct-Session-Id, and without
// texts that are not UTF-8: JSON cannot have them, and a replacement would name
// another session.
func (s CallSession) WithSessionID(id string) CallSession {
	s.SessionID, s.SessionBase64 = id, base64.StdEncoding.EncodeToString([]byte(id))
	for _, text := range []*string{
		&s.SessionID, &s.NASIdentifier, &s.NASPortID, &s.UserName, &s.CallingStationID, &s.IMSI, &s.NSAPI, &s.Class,
	} {
		if !utf8.ValidString(*text) {
			*text = ""
		}
	}
	return s
}
