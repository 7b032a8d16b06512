package api

import (
	"context"
	"fmt"
	"slices"

	"simtransfer/api/problem"
	"simtransfer/api/upload"
	"simtransfer/storage"
	"simtransfer/transfer"
)

type lookUpSIMsInput struct {
	Body struct {
		Account string   `json:"account,omitempty" maxLength:"132" doc:"The operator id or external id of the account that owns the SIMs. For support; an account's key looks up SIMs of its account."`
		SIMs    []string `json:"sims" nullable:"false" minItems:"1" maxItems:"100000" doc:"The SIMs: an ICCID, IMSI or MSISDN of each, EIDs, or ranges of ICCIDs such as 8988211000000000011-8988211000000000099."`
		Limit   int      `json:"limit,omitempty" minimum:"0" maximum:"200" doc:"How many of the SIMs the response shows. Default: none."`
	}
}

// SIMLookup says which SIMs a list names.
type SIMLookup struct {
	Selected int           `json:"selected" doc:"How many SIMs the entries without an error name, each counted once."`
	Errors   []LookupError `json:"errors" nullable:"false" doc:"The entries that have to be corrected or left out, in the order of the list."`
	Items    []SIM         `json:"items" nullable:"false" doc:"The first of the SIMs, in the order of the list."`
}

// LookupError is what is wrong with an entry of a list.
type LookupError struct {
	Line    int    `json:"line" doc:"The position in the list, counted from 1."`
	Value   string `json:"value" doc:"The entry, shortened if it is long."`
	Code    string `json:"code" enum:"bad_value,duplicate,sim_not_found" doc:"bad_value: it is not an identifier, an EID or a range. duplicate: another entry names the same SIM. sim_not_found: it names no SIM of the account."`
	Message string `json:"message" doc:"What is wrong, for people."`
}

type lookUpSIMsOutput struct{ Body SIMLookup }

func (s *server) lookUpSIMs(ctx context.Context, in *lookUpSIMsInput) (*lookUpSIMsOutput, error) {
	account, err := s.reachedAccount(ctx, "body.account", in.Body.Account)
	if err != nil {
		return nil, err
	}
	release, err := s.uploads.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	l := newSIMLookup(in.Body.SIMs)
	found, err := s.db.LookUpSIMs(ctx, account, l.refs, transfer.MaxBatchRows)
	if err != nil {
		return nil, err
	}
	ids := l.resolve(found)
	v := SIMLookup{Selected: len(ids), Errors: l.errors, Items: []SIM{}}
	if shown := ids[:min(len(ids), in.Body.Limit)]; len(shown) > 0 {
		rows, err := s.db.SIMsByID(ctx, shown)
		if err != nil {
			return nil, err
		}
		slices.SortFunc(rows, func(a, b storage.SIM) int { return slices.Index(shown, a.ID) - slices.Index(shown, b.ID) })
		for _, row := range rows {
			sim, err := viewSIM(row, callerOf(ctx))
			if err != nil {
				return nil, err
			}
			v.Items = append(v.Items, sim)
		}
	}
	return &lookUpSIMsOutput{v}, nil
}

// simLookup finds the entries of a list that are wrong.
type simLookup struct {
	texts  []string
	refs   []transfer.SIMRef // those that could be parsed
	places []int             // their places in texts
	errors []LookupError
}

// newSIMLookup parses a list.
func newSIMLookup(list []string) *simLookup {
	l := &simLookup{texts: list, errors: []LookupError{}}
	first := make(map[transfer.SIMRef]int, len(list))
	for i, text := range list {
		ref, err := transfer.ParseSIMRef(text)
		if err != nil {
			l.add(i, string(upload.CodeBadValue), err.Error())
			continue
		}
		if earlier, twice := first[ref]; twice {
			l.add(i, string(upload.CodeDuplicate), fmt.Sprintf("the same as in line %d of the list", earlier+1))
			continue
		}
		first[ref] = i
		l.refs, l.places = append(l.refs, ref), append(l.places, i)
	}
	return l
}

func (l *simLookup) add(place int, code, message string) {
	l.errors = append(l.errors, LookupError{Line: place + 1, Value: problem.Clip(l.texts[place]), Code: code, Message: message})
}

// resolve returns the ids of the SIMs that the list names, each once, in the order
// of the list. It adds an error for every entry without a SIM, and for every entry
// that names a SIM which an EID, a range or an earlier entry names: leaving it out
// leaves out no SIM, unless two EIDs or ranges share some of their SIMs.
func (l *simLookup) resolve(found []storage.FoundSIM) []int64 {
	byRef := make([][]int64, len(l.refs))
	for _, f := range found {
		byRef[f.Line-1] = append(byRef[f.Line-1], f.ID)
	}
	namedBy := make(map[int64]int, len(found)) // the index of the entry that keeps a SIM
	for _, single := range []bool{false, true} {
		for i, ref := range l.refs {
			if ref.One() == single {
				l.keep(i, byRef, namedBy)
			}
		}
	}
	slices.SortFunc(l.errors, func(a, b LookupError) int { return a.Line - b.Line })
	ids := make([]int64, 0, len(namedBy))
	for i := range l.refs {
		for _, id := range byRef[i] {
			if namedBy[id] == i {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// keep notes that an entry names its SIMs, unless another one does.
func (l *simLookup) keep(i int, byRef [][]int64, namedBy map[int64]int) {
	place := l.places[i]
	if len(byRef[i]) == 0 {
		l.add(place, "sim_not_found", "the account has no such SIM")
		return
	}
	for _, id := range byRef[i] {
		if other, named := namedBy[id]; named {
			byRef[i] = nil
			l.add(place, string(upload.CodeDuplicate), fmt.Sprintf("line %d of the list names the same SIM", l.places[other]+1))
			return
		}
	}
	for _, id := range byRef[i] {
		namedBy[id] = i
	}
}
