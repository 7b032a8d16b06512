package transfer

// Facts are what is known about one SIM of a request. The rules below use
// nothing else.
type Facts struct {
	Found        bool // the identifier names a SIM
	Owned        bool // the SIM belongs to the source account
	AccountsOpen bool // source and destination are both open
	Claimed      bool // this transfer holds the claim on the SIM
	Locked       bool // the owner has locked the SIM against transfers
	PlanBound    bool // the plan on which the SIM lands is bound to a coverage, and the accounts have different ones
	PlanBarred   bool // the destination has a list of plans that it may hold, and the plan on which the SIM lands is not in it
	SelfOnly     bool // the request allows self-service only
	Status       Status
	Method       Method // at execution: the method chosen in validation
}

// Fact is something that can keep a SIM from being transferred.
type Fact int

// The facts that the rules below test.
const (
	NotFound Fact = iota
	NotOwned
	Closed
	IsTerminated
	NotClaimed
	IsLocked
	IsPlanBound
	IsPlanBarred
	SupportRefused // the SIM needs support, and the request allows self-service only
	MethodChanged  // the SIM's present status calls for another method than the validated one
)

// Holds reports whether a fact is true of the SIM.
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
	case IsPlanBarred:
		return f.PlanBarred
	case SupportRefused:
		return f.SelfOnly && method == SupportAssisted
	case MethodChanged:
		return method != f.Method
	}
	return false
}

// Rule gives the reason for a fact.
type Rule struct {
	Fact   Fact
	Reason Reason
}

// ValidationRules lists the rules of validation. The first one that applies
// makes the SIM ineligible.
func ValidationRules() []Rule {
	return []Rule{
		{NotFound, SIMNotFound},
		{NotOwned, SIMNotFound},
		{Closed, AccountClosed},
		{IsTerminated, SIMTerminated},
		{NotClaimed, AlreadyTransferring},
		{IsLocked, SIMLocked},
		{IsPlanBound, PlanNotTransferable},
		{IsPlanBarred, PlanNotAvailable},
		{SupportRefused, NeedsSupport},
	}
}

// ExecutionRules lists the rules that are checked again right before a SIM is
// transferred. The first one that applies makes the transfer fail.
func ExecutionRules() []Rule {
	return []Rule{
		{NotOwned, OwnerChanged},
		{Closed, AccountClosed},
		{IsTerminated, SIMTerminated},
		{IsLocked, SIMLocked},
		{MethodChanged, StatusChanged},
		{IsPlanBound, PlanNotTransferable},
		{IsPlanBarred, PlanNotAvailable},
	}
}

// Judge returns the reason of the first rule that applies, or "" if none does.
func Judge(rules []Rule, f Facts) Reason {
	for _, r := range rules {
		if f.Holds(r.Fact) {
			return r.Reason
		}
	}
	return ""
}
