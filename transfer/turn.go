package transfer

import "slices"

// Turn returns whose turn it is in a state, and which events that party can
// cause. It is the turn of the party that can bring the request forward, to a
// state that is not final. The party is empty if no party has to decide: the
// service works on the request, or it is over.
func (s RequestState) Turn() (Party, []Event) {
	for _, t := range requestTransitions {
		if t.from != s || t.to.Final() || slices.Contains(t.by, PartySystem) {
			continue
		}
		party := t.by[0]
		var events []Event
		for _, e := range Decisions() {
			if _, err := Next(s, e, party); err == nil {
				events = append(events, e)
			}
		}
		return party, events
	}
	return "", nil
}
