package api

import (
	"fmt"
	"maps"
	"slices"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// parseWords parses what the source says about a request or a batch. prefix
// comes before the names of the fields in the locations of errors.
func parseWords(p *problem.Problem, prefix, reference string, unique bool, message string) storage.Words {
	w := storage.Words{
		Reference: parsed(p, prefix+"reference", reference, transfer.ParseLine),
		Unique:    unique,
		Message:   parsed(p, prefix+"message", message, transfer.ParseText),
	}
	if unique && w.Reference == "" {
		p.Add(problem.FieldError{Location: prefix + "unique_reference", Message: "there is no reference: give one, or leave this out"})
	}
	return w
}

// parseSIMReferences parses references of single SIMs.
func parseSIMReferences(p *problem.Problem, location string, in map[string]string) map[transfer.Identifier]string {
	references := make(map[transfer.Identifier]string, len(in))
	for _, name := range slices.Sorted(maps.Keys(in)) {
		at := fmt.Sprintf("%s[%q]", location, name)
		id, err := transfer.ParseIdentifier(name)
		if err != nil {
			p.Add(problem.FieldError{Location: at, Message: err.Error(), Value: name})
			continue
		}
		if references[id] != "" {
			p.Add(problem.FieldError{Location: at, Message: "the SIM has a reference already: remove one of the two", Value: name})
			continue
		}
		references[id] = parsed(p, at, in[name], filled(transfer.ParseReference))
	}
	return references
}

// alignedReferences returns the reference of each of the selected SIMs, in their
// order, and nothing if none has one. It returns a problem if a reference is for a
// SIM that is not among them.
func (a parsedRequest) alignedReferences(sims storage.SelectedSIMs) ([]string, error) {
	if len(a.simReferences) == 0 {
		return nil, nil
	}
	unknown := maps.Clone(a.simReferences)
	list := make([]string, sims.Len())
	for i, id := range sims.Identifiers {
		list[i] = a.simReferences[id]
		delete(unknown, id)
	}
	p := problem.New(problem.Invalid, "nothing was accepted: fix the listed errors")
	for id := range unknown {
		p.Add(problem.FieldError{
			Location: fmt.Sprintf("body.sim_references[%q]", id), Value: id.String(),
			Message: "the request has no SIM under this name: use the identifier that is in sims, or the ICCID if the SIM is in a range, on an EID or selected by a filter",
		})
	}
	return list, refusal(p)
}

// parseDecisionWords parses why a party declines, denies or cancels.
func parseDecisionWords(p *problem.Problem, d *storage.Decision, code transfer.DecisionCode, reason string) {
	d.Code, d.Reason = code, parsed(p, "body.reason", reason, transfer.ParseText)
	if code.NeedsWords() && d.Reason == "" {
		p.Add(problem.FieldError{Location: "body.reason", Message: fmt.Sprintf("the code %s needs a reason: say in words what it is", code)})
	}
}
