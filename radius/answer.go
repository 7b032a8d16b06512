package radius

import (
	"layeh.com/radius"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3576"
)

// readAnswer reads a datagram that was received after a request was sent. It
// returns false unless the datagram is an authentic answer to this request. The
// caller must ignore such datagrams and keep waiting (RFC 5176, sections 2.3 and
// 3.4). Signed demands a Message-Authenticator.
func readAnswer(datagram, request, secret []byte, signed bool) (Outcome, Cause, bool) {
	wire, ok := trim(datagram)
	if !ok || wire[1] != request[1] || !radius.IsAuthenticResponse(wire, request, secret) {
		return 0, 0, false
	}
	answer, err := radius.Parse(wire, secret)
	if err != nil || signed && len(answer.Get(rfc2869.MessageAuthenticator_Type)) == 0 || !integral(answer, [16]byte(request[4:20])) {
		return 0, 0, false
	}
	cause := errorCause(answer)
	switch {
	case answer.Code == radius.CodeDisconnectACK:
		return Dropped, cause, true
	case answer.Code == radius.CodeDisconnectNAK && cause == SessionNotFound:
		return NotFound, cause, true
	case answer.Code == radius.CodeDisconnectNAK:
		return Refused, cause, true
	default:
		return 0, 0, false
	}
}

// errorCause returns zero when the attribute is missing or malformed: a NAK
// without a cause is still a NAK.
func errorCause(answer *radius.Packet) Cause {
	return Cause(rfc3576.ErrorCause_Get(answer))
}
