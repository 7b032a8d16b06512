package radius

import (
	"fmt"
	"time"
)

// Outcome is the result of one attempt to drop a session. The zero value
// stands for no attempt and is never part of a Result returned without error.
type Outcome int

const (
	// Dropped: the gateway ended the session (Disconnect-ACK).
	Dropped Outcome = iota + 1
	// NotFound: the gateway has no such session (Disconnect-NAK with
	// Error-Cause 503). It ended before, or an earlier attempt ended it and
	// its answer was lost.
	NotFound
	// Refused: the gateway said no (any other Disconnect-NAK). The session
	// must be assumed to be up.
	Refused
	// Silent: no authentic answer came in time. The session may or may not be
	// up; the next attempt tells.
	Silent
)

// String returns one word in lower case, fit for a metric's label.
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

// Result is the outcome of one attempt, with what a person needs to
// understand it.
type Result struct {
	Outcome Outcome
	// Cause is the gateway's Error-Cause; zero when it gave none.
	Cause Cause
	// Reason says in words why the outcome is Silent; empty otherwise. It
	// never contains the secret.
	Reason string
	// Sent counts how many times the request was sent.
	Sent int
	// Ignored counts packets that came back but were not an authentic answer.
	// Many of them, or a gateway that is silent although it is up, hint at a
	// wrong secret.
	Ignored int
	// Took is the time from the start of the attempt to its outcome.
	Took time.Duration
}

// Gone reports whether the session is certain not to be up at the gateway any
// more: it was dropped, or the gateway has no such session.
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
		return "not up any more: " + r.Cause.String()
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

// The causes this package deals with by name. Any other value may occur.
const (
	MissingAttribute           Cause = 402
	NASIdentificationMismatch  Cause = 403
	AdministrativelyProhibited Cause = 501
	SessionNotFound            Cause = 503
	SessionNotRemovable        Cause = 504
	ResourcesUnavailable       Cause = 506
)

// String returns the cause's number and its name in words, such as
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
