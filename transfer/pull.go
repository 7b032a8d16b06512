package transfer

import (
	"fmt"
	"time"
)

// PullState is the state of a pull request: a destination asks for SIMs, and
// each account that owns some of them approves or refuses.
type PullState string

// The states of a pull request. The asker sees open, expired and canceled only,
// so that it does not learn whether anyone owns the SIMs. An owner also sees what
// it has decided.
const (
	PullOpen     PullState = "open"
	PullApproved PullState = "approved"
	PullRefused  PullState = "refused"
	PullExpired  PullState = "expired"
	PullCanceled PullState = "canceled"
)

// PullStates lists every state of a pull request.
func PullStates() []PullState {
	return []PullState{PullOpen, PullApproved, PullRefused, PullExpired, PullCanceled}
}

// PullDecision is what an owner decides on a pull request.
type PullDecision string

// The decisions. An owner that is silent until the time limit refuses, too.
const (
	ApprovePull PullDecision = "approved"
	RefusePull  PullDecision = "refused"
)

// PullDecisions lists every decision on a pull request.
func PullDecisions() []PullDecision { return []PullDecision{ApprovePull, RefusePull} }

// PullStateError means that a pull request is not open.
type PullStateError struct{ State PullState }

func (e *PullStateError) Error() string {
	return fmt.Sprintf("the pull request is %s: only an open one can be approved, refused or canceled", e.State)
}

// Limits of a pull request.
const (
	MaxPullSIMs   = 10000
	MinPullPeriod = time.Minute         // the shortest time to answer
	MaxPullPeriod = 30 * 24 * time.Hour // the longest
)
