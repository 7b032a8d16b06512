package transfer

// Facts is what a verdict on one SIM rests on. During validation Claimed says
// whether this transfer got the claim on the SIM; at execution it holds it.
type Facts struct {
	Found        bool // the identifier names a SIM
	Owned        bool // the SIM belongs to the source account
	AccountsOpen bool // source and destination are both open
	Claimed      bool // the claim on the SIM is this transfer's
	Locked       bool // the owner has put a transfer lock on the SIM
	PlanBound    bool // the plan is bound to a coverage and the two accounts' differ
	SelfOnly     bool // the request allows self-service only
	Status       Status
	Method       Method // at execution: the method the SIM was validated for
}

// Fact is a circumstance that keeps a SIM from being transferred.
type Fact int

// The facts that the rules below look at.
const (
	NotFound Fact = iota
	NotOwned
	Closed
	IsTerminated
	NotClaimed
	IsLocked
	IsPlanBound
	SupportRefused // the SIM needs support and the request allows self-service only
	MethodChanged  // the status now calls for another method than the one validated
)

// Holds reports whether a fact is true of a SIM.
func (f Facts) Holds(fact Fact) bool {
	method, _ := f.Status.Method()
	switch fact {
	case NotFound:
		return !f.Found
	case NotOwned:
		return !f.Owned
	case Closed:
		return !f.AccountsOpen
	case IsTerminated:
		return f.Status == Terminated
	case NotClaimed:
		return !f.Claimed
	case IsLocked:
		return f.Locked
	case IsPlanBound:
		return f.PlanBound
	case SupportRefused:
		return f.SelfOnly && method == SupportAssisted
	case MethodChanged:
		return method != f.Method
	}
	return false
}

// Rule turns a fact into a reason.
type Rule struct {
	Fact   Fact
	Reason Reason
}

// ValidationRules are asked in their order when a request is validated; the
// first that applies makes the SIM ineligible.
func ValidationRules() []Rule {
	return []Rule{
		{NotFound, SIMNotFound},
		{NotOwned, SIMNotFound},
		{Closed, AccountClosed},
		{IsTerminated, SIMTerminated},
		{NotClaimed, AlreadyTransferring},
		{IsLocked, SIMLocked},
		{IsPlanBound, PlanNotTransferable},
		{SupportRefused, NeedsSupport},
	}
}

// ExecutionRules are asked in their order when an accepted SIM is about to
// change hands; the first that applies makes the transfer fail.
func ExecutionRules() []Rule {
	return []Rule{
		{NotOwned, OwnerChanged},
		{Closed, AccountClosed},
		{IsTerminated, SIMTerminated},
		{IsLocked, SIMLocked},
		{MethodChanged, StatusChanged},
		{IsPlanBound, PlanNotTransferable},
	}
}

// Judge returns the reason of the first rule that applies, or none.
func Judge(rules []Rule, f Facts) Reason {
	for _, r := range rules {
		if f.Holds(r.Fact) {
			return r.Reason
		}
	}
	return ""
}
