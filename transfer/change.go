package transfer

// ChangeKind says what an entry of the changes feed records about a SIM: what
// the operator's other systems have to know of it.
type ChangeKind string

// The kinds of changes. See docs/recipes.md before adding one.
const (
	SIMCreated            ChangeKind = "created"             // the SIM was imported
	SIMTransferred        ChangeKind = "transferred"         // a transfer request changed its owner
	SIMStatusChanged      ChangeKind = "status_changed"      // its status changed
	SIMPlanChanged        ChangeKind = "plan_changed"        // its plan changed
	SIMIdentifiersChanged ChangeKind = "identifiers_changed" // its numbers, its IMSIs, its EID or its external id changed
	SIMSwapped            ChangeKind = "swapped"             // a card replaced another one
	SIMOwnerCorrected     ChangeKind = "owner_corrected"     // an administrator changed its owner without a request
	SIMRetired            ChangeKind = "retired"             // it was a wrong import, and its identifiers are free for another SIM
)

// ChangeKinds lists every kind of change.
func ChangeKinds() []ChangeKind {
	return []ChangeKind{
		SIMCreated, SIMTransferred, SIMStatusChanged, SIMPlanChanged,
		SIMIdentifiersChanged, SIMSwapped, SIMOwnerCorrected, SIMRetired,
	}
}
