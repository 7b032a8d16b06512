package radius

import (
	"layeh.com/radius"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3576"
)

// answer is what an authentic answer says.
type answer struct {
	outcome Outcome
	cause   Cause
}

// readAnswer reads a datagram that was received after a request was sent. It
// returns false, and counts what is wrong, unless the datagram is an authentic
// answer to this request. The caller must ignore such datagrams and keep waiting
// (RFC 5176, sections 2.3 and 3.4). Signed demands a Message-Authenticator.
func readAnswer(datagram, request, secret []byte, signed bool, wrong *Ignored) (answer, bool) {
	wire, ok := trim(datagram)
	switch {
	case !ok || wire[0] != byte(radius.CodeDisconnectACK) && wire[0] != byte(radius.CodeDisconnectNAK):
		wrong.Malformed++
		return answer{}, false
	case wire[1] != request[1]:
		wrong.Late++
		return answer{}, false
	case !radius.IsAuthenticResponse(wire, request, secret):
		wrong.Forged++
		return answer{}, false
	}
	p, err := radius.Parse(wire, secret)
	switch {
	case err != nil:
		wrong.Malformed++
		return answer{}, false
	case signed && len(p.Get(rfc2869.MessageAuthenticator_Type)) == 0:
		wrong.Unsigned++
		return answer{}, false
	case !integral(p, [16]byte(request[4:20])):
		wrong.Forged++
		return answer{}, false
	}
	cause := errorCause(p)
	switch {
	case p.Code == radius.CodeDisconnectACK:
		return answer{Dropped, cause}, true
	case cause == SessionNotFound:
		return answer{NotFound, cause}, true
	default:
		return answer{Refused, cause}, true
	}
}

// errorCause returns zero when the attribute is missing or malformed: a NAK
// without a cause is still a NAK. Of several causes (RFC 5176, section 3.6), it
// returns the first that does not say that the session is gone.
func errorCause(answer *radius.Packet) Cause {
	causes, err := rfc3576.ErrorCause_Gets(answer)
	if err != nil || len(causes) == 0 {
		return 0
	}
	for _, c := range causes {
		if Cause(c) != SessionNotFound {
			return Cause(c)
		}
	}
	return SessionNotFound
}
