package api

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"simtransfer/api/problem"
	"simtransfer/api/upload"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Selection selects SIMs of the source: by a list, by a filter, or all of them.
type Selection struct {
	SIMs        []string       `json:"sims,omitempty" nullable:"false" minItems:"1" maxItems:"100000" doc:"A list of the SIMs. Each entry is an ICCID, an IMSI or an MSISDN; an EID, for the account's SIMs on that eUICC; or a range of ICCIDs such as 8988211000000000011-8988211000000000099, for the account's SIMs in it. No SIM of the account may be named twice, even by different identifiers."`
	Filter      *SIMConditions `json:"filter,omitempty" doc:"In place of the list: all SIMs of the account that match the filter now. It needs at least one condition."`
	AllSIMs     bool           `json:"all_sims,omitempty" doc:"In place of the list: all SIMs of the account, for example for a merger."`
	ExpectCount *int           `json:"expect_count,omitempty" minimum:"0" doc:"The number of SIMs that you expect to be selected. If it is another number, nothing is created, and the response is 409 with the code sim_count."`
}

// parsedSelection is a Selection that was parsed.
type parsedSelection struct {
	list     []transfer.SIMRef  // in place of filter
	filter   *storage.SIMFilter // without its account
	expected *int
}

// allowed returns why a caller may not select so, nil if it may.
func (in Selection) allowed(caller storage.Caller) error {
	if in.Filter == nil {
		return nil
	}
	return in.Filter.allowed(caller, "body.filter")
}

// parse parses the selection. It adds errors to the problem.
func (in Selection) parse(p *problem.Problem) parsedSelection {
	a := parsedSelection{expected: in.ExpectCount}
	given := 0
	for _, is := range []bool{len(in.SIMs) > 0, in.Filter != nil, in.AllSIMs} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		p.Add(problem.FieldError{Location: "body", Message: "say which SIMs: give one of sims, filter and all_sims"})
	case in.Filter != nil && in.Filter.empty():
		p.Add(problem.FieldError{Location: "body.filter", Message: "the filter is empty: give at least one condition, or select all SIMs with all_sims"})
	case in.Filter != nil:
		f := in.Filter.parse(p, "body.filter")
		a.filter = &f
	case in.AllSIMs:
		a.filter = &storage.SIMFilter{}
	default:
		a.list = parseSIMRefs(p, "body.sims", in.SIMs)
	}
	return a
}

// parseSIMRefs parses a list of SIMs, ranges and EIDs. It adds an error to the
// problem for every invalid or repeated entry.
func parseSIMRefs(p *problem.Problem, location string, list []string) []transfer.SIMRef {
	return parseEach(p, location, list, transfer.ParseSIMRef, func(ref transfer.SIMRef, earlier string) string {
		if ref.One() {
			return upload.Duplicate(ref.Name(), earlier)
		}
		return fmt.Sprintf("%s is already in %s: remove one of the two", ref, earlier)
	})
}

// parseSIMs parses a list of SIMs by their identifiers with parse. It adds an error
// to the problem for every invalid or repeated SIM.
func parseSIMs(p *problem.Problem, location string, list []string, parse func(string) (transfer.Identifier, error)) []transfer.Identifier {
	return parseEach(p, location, list, parse, upload.Duplicate)
}

// parseEach parses the entries of a list. It adds an error to the problem for every
// invalid or repeated entry. The text for a repeated one comes from repeated, which
// gets the place of the earlier one.
func parseEach[T interface {
	comparable
	fmt.Stringer
}](p *problem.Problem, location string, list []string, parse func(string) (T, error), repeated func(v T, earlier string) string) []T {
	values := make([]T, len(list))
	first := make(map[T]int, len(list))
	for i, text := range list {
		at := fmt.Sprintf("%s[%d]", location, i)
		v, err := parse(text)
		if err != nil {
			p.Add(problem.FieldError{Location: at, Code: valueCode(err), Message: err.Error(), Value: text})
			continue
		}
		if earlier, twice := first[v]; twice {
			p.Add(problem.FieldError{Location: at, Message: repeated(v, fmt.Sprintf("%s[%d]", location, earlier)), Value: v.String()})
			continue
		}
		first[v], values[i] = i, v
	}
	return values
}

// simSelector selects and looks up SIMs: *storage.Tx in its transaction,
// *storage.DB outside of one.
type simSelector interface {
	ListedSIMs(ctx context.Context, account int64, list []transfer.SIMRef, limit int) (storage.SelectedSIMs, error)
	FilteredSIMs(ctx context.Context, f storage.SIMFilter, limit int) (storage.SelectedSIMs, error)
	SameSIMs(ctx context.Context, account int64, sims []transfer.Identifier) ([]storage.SameSIM, error)
}

// looksUp reports whether the SIMs of the selection have to be looked up: it is not
// only a list of identifiers.
func (a parsedSelection) looksUp() bool {
	for _, ref := range a.list {
		if !ref.One() {
			return true
		}
	}
	return a.filter != nil
}

// selectionTimeout limits one statement that looks up or stores selected SIMs.
const selectionTimeout = 2 * time.Minute

// maxAskedRanges is how many ranges and EIDs an event lists.
const maxAskedRanges = 100

// asked describes the selection for the event of the request, as JSON; nil if it is
// a list of identifiers.
func (a parsedSelection) asked(in Selection) (*string, error) {
	if !a.looksUp() {
		return nil, nil
	}
	asked := AskedSelection{AllSIMs: in.AllSIMs, Entries: len(a.list)}
	if in.Filter != nil { // the source does not see external ids, by which support may have selected
		filter := *in.Filter
		asked.ExternalIDs, filter.ExternalID = len(filter.ExternalID), nil
		asked.Filter = &filter
	}
	for _, ref := range a.list {
		if !ref.One() && len(asked.Ranges) < maxAskedRanges {
			asked.Ranges = append(asked.Ranges, ref.String())
		}
	}
	text, err := json.Marshal(asked)
	if err != nil {
		return nil, fmt.Errorf("describing a selection: %w", err)
	}
	return new(string(text)), nil
}

// resolve returns the SIMs of an account that are selected now. It returns a
// problem if they are not as many as expected, or more than limit.
func (a parsedSelection) resolve(ctx context.Context, from simSelector, account int64, limit int) (storage.SelectedSIMs, error) {
	var sims storage.SelectedSIMs
	var err error
	if a.filter != nil {
		f := *a.filter
		f.Account = account
		sims, err = from.FilteredSIMs(ctx, f, limit)
	} else {
		sims, err = from.ListedSIMs(ctx, account, a.list, limit)
	}
	if err != nil {
		return sims, err
	}
	if a.expected != nil && *a.expected != sims.Len() {
		return sims, &storage.SIMCountError{Expected: *a.expected, Selected: sims.Len()}
	}
	if a.filter != nil {
		return sims, nil // each once
	}
	if a.looksUp() {
		if err := checkRepeatedSIMs(sims); err != nil {
			return sims, err
		}
	}
	return sims, checkSameSIMs(ctx, from, account, sims)
}

// checkRepeatedSIMs refuses a list with an entry that names a SIM which a range or
// an EID in the list also selects, by the same identifier.
func checkRepeatedSIMs(sims storage.SelectedSIMs) error {
	p := problem.New(problem.Invalid, "nothing was accepted: fix the listed errors")
	first := make(map[transfer.Identifier]int, sims.Len())
	for i, id := range sims.Identifiers {
		earlier, twice := first[id]
		if !twice {
			first[id] = i
			continue
		}
		p.Add(problem.FieldError{
			Location: placeOf(sims, i),
			Message:  fmt.Sprintf("%s is also selected by %s: remove it from one of the two", id, placeOf(sims, earlier)),
			Value:    id.String(),
		})
	}
	return refusal(p)
}

// placeOf names the entry of a list that a SIM is from.
func placeOf(sims storage.SelectedSIMs, i int) string {
	return fmt.Sprintf("body.sims[%d]", sims.Lines[i]-1)
}

// checkSameSIMs refuses a list that names a SIM of the account twice, by different
// identifiers.
func checkSameSIMs(ctx context.Context, from simSelector, account int64, sims storage.SelectedSIMs) error {
	same, err := from.SameSIMs(ctx, account, sims.Identifiers)
	if err != nil || len(same) == 0 {
		return err
	}
	p := problem.New(problem.Invalid, "nothing was accepted: fix the listed errors")
	for _, s := range same {
		p.Add(problem.FieldError{
			Location: placeOf(sims, s.Again),
			Message:  fmt.Sprintf("another identifier of the SIM in %s: remove one of the two", placeOf(sims, s.First)),
			Value:    sims.Identifiers[s.Again].String(),
		})
	}
	return p
}

// runOnce is once or onceSealed.
type runOnce[T any] func(context.Context, *server, func(t *storage.Tx, out *reply[T]) error) (*reply[T], error)

// onceSelected calls run for a call that looks up its SIMs, which can take long.
func onceSelected[T any](ctx context.Context, s *server, a parsedSelection, run runOnce[T], fn func(t *storage.Tx, out *reply[T]) error) (*reply[T], error) {
	if !a.looksUp() {
		return run(ctx, s, fn)
	}
	release, err := s.uploads.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	return run(ctx, s, func(t *storage.Tx, out *reply[T]) error {
		if err := t.AllowLong(ctx, selectionTimeout); err != nil {
			return err
		}
		return fn(t, out)
	})
}
