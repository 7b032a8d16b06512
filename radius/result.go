package radius

import (
	"fmt"
	"slices"
	"time"
)

// Outcome is the outcome of one attempt to drop a session. The zero value means
// that there was no attempt; it is never returned without an error.
type Outcome int

const (
	// Dropped: the gateway ended the session (Disconnect-ACK).
	Dropped Outcome = iota + 1
	// NotFound: the gateway has no such session (Disconnect-NAK with
	// Error-Cause 503) by any of its attributes. The session
	// ended before, or an earlier attempt ended it and the answer was lost.
	NotFound
	// Refused: the gateway refused (any other Disconnect-NAK). Assume that the
	// session is still up.
	Refused
	// Silent: no authentic answer came in time. Only another attempt can tell
	// whether the session is still up.
	Silent
)

// String returns one word in lower case, suitable as a metric label.
func (o Outcome) String() string {
	switch o {
	case Dropped:
		return "dropped"
	case NotFound:
		return "not_found"
	case Refused:
		return "refused"
	case Silent:
		return "silent"
	default:
		return "unknown"
	}
}

// Result is the outcome of one attempt, with details for people.
type Result struct {
	Outcome Outcome
	// Cause is the gateway's Error-Cause; zero if it gave none.
	Cause Cause
	// Reason is why the outcome is Silent, for people; otherwise it is empty. It
	// never contains the secret.
	Reason string
	// Sent is how often the request was sent.
	Sent int
	// Ignored counts the datagrams that were received and were not an authentic
	// answer. If many are forged, the secret may be wrong. The secret may also be
	// wrong if a gateway is up and does not answer.
	Ignored Ignored
	// Took is the time from the start of the attempt to its outcome.
	Took time.Duration
}

// Gone reports whether the session is certainly down: it was dropped, or the
// gateway has no such session.
func (r Result) Gone() bool {
	return r.Outcome == Dropped || r.Outcome == NotFound
}

// String describes the result for people, such as
// "refused: 501 administratively prohibited".
func (r Result) String() string {
	switch r.Outcome {
	case Dropped:
		return "dropped"
	case NotFound:
		return "already gone: " + r.Cause.String()
	case Refused:
		return "refused: " + r.Cause.String()
	case Silent:
		return "no answer: " + r.Reason
	default:
		return "not attempted"
	}
}

// Cause is the value of an Error-Cause attribute (RFC 5176, section 3.5).
type Cause uint32

// aboutAttributes reports whether the gateway refused the request because of its
// attributes, so that the answer does not tell whether the session is up.
func (c Cause) aboutAttributes() bool {
	return slices.Contains([]Cause{401, MissingAttribute, NASIdentificationMismatch, 404, 405, 407}, c)
}

// The causes that this package uses by name. Other values may occur.
const (
	MissingAttribute           Cause = 402
	NASIdentificationMismatch  Cause = 403
	AdministrativelyProhibited Cause = 501
	SessionNotFound            Cause = 503
	SessionNotRemovable        Cause = 504
	ResourcesUnavailable       Cause = 506
)

// String returns the number and the name of the cause, such as
// "503 session context not found".
func (c Cause) String() string {
	if c == 0 {
		return "no cause given"
	}
	return fmt.Sprintf("%d %s", uint32(c), c.name())
}

func (c Cause) name() string {
	switch c {
	case 201:
		return "residual session context removed"
	case 202:
		return "invalid EAP packet"
	case 401:
		return "unsupported attribute"
	case MissingAttribute:
		return "missing attribute"
	case NASIdentificationMismatch:
		return "NAS identification mismatch"
	case 404:
		return "invalid request"
	case 405:
		return "unsupported service"
	case 406:
		return "unsupported extension"
	case 407:
		return "invalid attribute value"
	case AdministrativelyProhibited:
		return "administratively prohibited"
	case 502:
		return "request not routable"
	case SessionNotFound:
		return "session context not found"
	case SessionNotRemovable:
		return "session context not removable"
	case 505:
		return "other proxy processing error"
	case ResourcesUnavailable:
		return "resources unavailable"
	case 507:
		return "request initiated"
	case 508:
		return "multiple session selection unsupported"
	default:
		return "unknown cause"
	}
}
