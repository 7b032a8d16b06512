package transfer

import (
	"fmt"
	"maps"
	"strings"
)

// PlanMapping says on which plans of a destination SIMs land, by the plans that
// they are on. The zero value changes no plan.
type PlanMapping struct {
	Plans   map[string]string // from the plan of a SIM to the plan on which it lands
	Default string            // for plans that are not in Plans; empty: they stay as they are
}

// Empty reports whether the mapping changes no plan.
func (m PlanMapping) Empty() bool { return len(m.Plans) == 0 && m.Default == "" }

// Over returns the mapping that applies if m, which is for SIMs from one source,
// comes before general, which is for SIMs from any source.
func (m PlanMapping) Over(general PlanMapping) PlanMapping {
	if m.Default != "" { // m decides about every plan
		return m
	}
	merged := PlanMapping{Plans: maps.Clone(general.Plans), Default: general.Default}
	if merged.Plans == nil {
		merged.Plans = map[string]string{}
	}
	maps.Copy(merged.Plans, m.Plans)
	return merged
}

// LandingPlan returns the plan on which a SIM lands: the one that the destination
// chose when it accepted (empty: none), else what the mapping makes of the SIM's
// plan, else the plan that the SIM is on.
func LandingPlan(plan, chosen string, m PlanMapping) string {
	switch to, mapped := m.Plans[plan]; {
	case chosen != "":
		return chosen
	case mapped:
		return to
	case m.Default != "":
		return m.Default
	}
	return plan
}

// ListPlans names plans in a sentence: the first ten, and how many more there are.
func ListPlans(names []string) string {
	const most = 10
	if n := len(names); n > most {
		return fmt.Sprintf("%s or one of %d more", strings.Join(names[:most], ", "), n-most)
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}
