package transfer

import "slices"

// DecisionCode is why a party declined, denied or canceled a request or some of
// its SIMs, as that party says. It has no effect on what happens. Words can be
// added to it.
type DecisionCode string

// The codes of decisions. See docs/recipes.md before adding one.
const (
	NotOurs        DecisionCode = "not_ours"
	WrongSIMs      DecisionCode = "wrong_sims"
	WrongAccount   DecisionCode = "wrong_account"
	Duplicate      DecisionCode = "duplicate"
	Unexpected     DecisionCode = "unexpected"
	NoLongerNeeded DecisionCode = "no_longer_needed"
	Price          DecisionCode = "price"
	NotPermitted   DecisionCode = "not_permitted"
	SuspectedFraud DecisionCode = "suspected_fraud"
	OtherReason    DecisionCode = "other"
)

// DecisionCodes lists every code of a decision.
func DecisionCodes() []DecisionCode {
	return []DecisionCode{
		NotOurs, WrongSIMs, WrongAccount, Duplicate, Unexpected, NoLongerNeeded, Price, NotPermitted, SuspectedFraud, OtherReason,
	}
}

// Meaning explains the code in a sentence, or returns "" for no code.
func (c DecisionCode) Meaning() string {
	switch c {
	case NotOurs:
		return "The SIMs are not the ones that the party has ordered or owns."
	case WrongSIMs:
		return "The request names wrong SIMs, or too many or too few."
	case WrongAccount:
		return "The SIMs should go to another account."
	case Duplicate:
		return "Another request serves the same purpose."
	case Unexpected:
		return "The party does not know what the request is about."
	case NoLongerNeeded:
		return "The transfer is no longer wanted."
	case Price:
		return "The fee, or the price of a plan, is not accepted."
	case NotPermitted:
		return "A contract or a policy does not permit the transfer."
	case SuspectedFraud:
		return "The party suspects that the request is fraudulent."
	case OtherReason:
		return "None of the others. It needs words."
	}
	return ""
}

// NeedsWords reports whether the code says too little without words.
func (c DecisionCode) NeedsWords() bool { return c == OtherReason }

// Readers returns the parties that see a comment: those that its author has
// chosen, the author, and support. If the author has chosen none, all see it.
func Readers(author Party, chosen []Party) []Party {
	var list []Party
	for _, p := range []Party{PartySource, PartyDestination, PartySupport} {
		if len(chosen) == 0 || p == author || p == PartySupport || slices.Contains(chosen, p) {
			list = append(list, p)
		}
	}
	return list
}

// ParseReference parses the reference of a request, a batch or a SIM. An empty
// text is none.
func ParseReference(s string) (string, error) {
	text, err := ParseLine(s)
	if err != nil {
		return "", err
	}
	return text, CheckLength(text, MaxReference)
}
