package transfer_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/transfer"
)

// move is one transition of a request, as in docs/design.md.
type move struct {
	from  transfer.RequestState
	event transfer.Event
	by    transfer.Party
}

func moves() map[move]transfer.RequestState {
	const (
		source, destination = transfer.PartySource, transfer.PartyDestination
		support, system     = transfer.PartySupport, transfer.PartySystem
	)
	return map[move]transfer.RequestState{
		{"validating", "reject", system}:                 "rejected",
		{"validating", "review", system}:                 "in_review",
		{"validating", "offer", system}:                  "awaiting_acceptance",
		{"validating", "cancel", source}:                 "canceled",
		{"validating", "cancel", support}:                "canceled",
		{"in_review", "approve", support}:                "awaiting_acceptance",
		{"in_review", "deny", support}:                   "denied",
		{"in_review", "cancel", source}:                  "canceled",
		{"in_review", "cancel", support}:                 "canceled",
		{"in_review", "extend", source}:                  "in_review",
		{"in_review", "extend", support}:                 "in_review",
		{"in_review", "expire", system}:                  "expired",
		{"awaiting_acceptance", "accept", destination}:   "transferring",
		{"awaiting_acceptance", "decline", destination}:  "declined",
		{"awaiting_acceptance", "cancel", source}:        "canceled",
		{"awaiting_acceptance", "cancel", support}:       "canceled",
		{"awaiting_acceptance", "schedule", destination}: "scheduled",
		{"awaiting_acceptance", "extend", source}:        "awaiting_acceptance",
		{"awaiting_acceptance", "extend", support}:       "awaiting_acceptance",
		{"awaiting_acceptance", "expire", system}:        "expired",
		{"scheduled", "start", system}:                   "transferring",
		{"scheduled", "decline", destination}:            "declined",
		{"scheduled", "cancel", source}:                  "canceled",
		{"scheduled", "cancel", support}:                 "canceled",
		{"scheduled", "expire", system}:                  "expired",
		{"transferring", "finish", system}:               "completed",

		// The state that the request had.
		{"canceled", "take_back", source}:      "",
		{"canceled", "take_back", destination}: "",
		{"canceled", "take_back", support}:     "",
		{"declined", "take_back", source}:      "",
		{"declined", "take_back", destination}: "",
		{"declined", "take_back", support}:     "",
		{"denied", "take_back", source}:        "",
		{"denied", "take_back", destination}:   "",
		{"denied", "take_back", support}:       "",
	}
}

func TestEveryStateEventAndParty(t *testing.T) {
	t.Parallel()
	want := moves()
	ever := map[transfer.Event][]transfer.Party{}
	for m := range want {
		ever[m.event] = append(ever[m.event], m.by)
	}
	seen := 0
	for _, state := range transfer.RequestStates() {
		for _, event := range transfer.Events() {
			for _, party := range transfer.Parties() {
				seen++
				to, allowed := want[move{state, event, party}]
				got, err := transfer.Next(state, event, party)
				var stateErr *transfer.StateError
				var partyErr *transfer.PartyError
				name := fmt.Sprintf("%s: %s by %s", state, event, party)
				switch {
				case allowed:
					if got != to || err != nil {
						t.Errorf("%s leads to %s (%v), want %s", name, got, err, to)
					}
				case !slices.Contains(ever[event], party):
					if !errors.As(err, &partyErr) || *partyErr != (transfer.PartyError{Party: party, Event: event}) {
						t.Errorf("%s: error %v, want one that names the party and the event", name, err)
					}
				default:
					if !errors.As(err, &stateErr) || *stateErr != (transfer.StateError{State: state, Event: event}) {
						t.Errorf("%s: error %v, want one that names the state and the event", name, err)
					}
				}
				if !allowed && got != state {
					t.Errorf("%s is refused and leads to %s all the same", name, got)
				}
			}
		}
	}
	if seen != 11*14*4 {
		t.Errorf("tried %d combinations, want 616", seen)
	}
}

func TestRefusalsInWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want string
	}{
		{&transfer.StateError{State: transfer.RequestCanceled, Event: transfer.Accept}, "the request is canceled: only an awaiting_acceptance request can be accepted"},
		{
			&transfer.StateError{State: transfer.Transferring, Event: transfer.Cancel},
			"the request is transferring: only a validating, in_review, awaiting_acceptance or scheduled request can be canceled",
		},
		{&transfer.PartyError{Party: transfer.PartySource, Event: transfer.Accept}, "the source cannot accept the request"},
		{&transfer.PartyError{Party: transfer.PartySystem, Event: transfer.TakeBack}, "the system cannot take back how the request ended"},
		{&transfer.StateError{State: transfer.Scheduled, Event: transfer.TakeBack}, "the request is scheduled: only a canceled, declined or denied request can be reopened"},
		{&transfer.ExpiredError{Event: transfer.Approve}, "the request has expired: it can no longer be approved"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestFinalStates(t *testing.T) {
	t.Parallel()
	want := []transfer.RequestState{"completed", "rejected", "canceled", "declined", "denied", "expired"}
	var got []transfer.RequestState
	for _, s := range transfer.RequestStates() {
		if s.Final() {
			got = append(got, s)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("final states of a request (-want +got):\n%s", diff)
	}
	for m := range moves() {
		if m.from.Final() && m.event != transfer.TakeBack {
			t.Errorf("%s is final and %s leads out of it", m.from, m.event)
		}
	}
}

func TestGate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		eligible, support, withdrawn int
		want                         transfer.Event
	}{
		{0, 0, 0, transfer.Reject},
		{0, 0, 1, transfer.Cancel},
		{1, 0, 0, transfer.Offer},
		{1, 0, 1, transfer.Offer},
		{1, 1, 0, transfer.Review},
		{2, 1, 0, transfer.Review},
		{1, 1, 1, transfer.Review},
	} {
		got := transfer.Gate(c.eligible, c.support, c.withdrawn)
		if got != c.want {
			t.Errorf("%d eligible, %d of them need support, %d withdrawn: %s, want %s", c.eligible, c.support, c.withdrawn, got, c.want)
		}
	}
}

func TestTransferStates(t *testing.T) {
	t.Parallel()
	want := map[transfer.State][]transfer.State{
		"pending":  {"eligible", "ineligible", "canceled"},
		"eligible": {"completed", "failed", "canceled", "declined", "denied", "expired"},
		"canceled": {"eligible"}, "declined": {"eligible"}, "denied": {"eligible"}, // taken back
	}
	for _, from := range transfer.States() {
		for _, to := range transfer.States() {
			if got := from.CanBecome(to); got != slices.Contains(want[from], to) {
				t.Errorf("%s can become %s: %t", from, to, got)
			}
		}
		if final := !slices.Contains([]transfer.State{"pending", "eligible"}, from); from.Final() != final {
			t.Errorf("%s is final: %t, want %t", from, from.Final(), final)
		}
	}
	if n := len(transfer.States()); n != 9 {
		t.Errorf("%d states of a transfer, want 9", n)
	}
}

func TestReleased(t *testing.T) {
	t.Parallel()
	want := map[transfer.RequestState]transfer.State{
		"canceled": "canceled", "declined": "declined", "denied": "denied", "expired": "expired",
	}
	for _, s := range transfer.RequestStates() {
		outcome, ok := s.Released()
		if w, yes := want[s]; outcome != w || ok != yes {
			t.Errorf("a request that is %s releases its SIMs as %q, %t; want %q, %t", s, outcome, ok, w, yes)
		}
		if ok && !transfer.Eligible.CanBecome(outcome) {
			t.Errorf("an eligible transfer cannot become %s", outcome)
		}
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	want := []transfer.Reason{
		"sim_not_found", "sim_terminated", "already_transferring", "needs_support", "plan_not_transferable", "plan_not_available", "sim_locked",
		"status_changed", "owner_changed", "account_closed", "session_not_dropped", "internal_error",
	}
	if diff := cmp.Diff(want, transfer.Reasons()); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
	words := map[string]transfer.Reason{}
	for _, r := range transfer.Reasons() {
		remedy := r.Remedy()
		if len(remedy) < 20 || !strings.HasSuffix(remedy, ".") {
			t.Errorf("%s: remedy %q is not a sentence", r, remedy)
		}
		if other, ok := words[remedy]; ok {
			t.Errorf("%s and %s have one remedy", r, other)
		}
		words[remedy] = r
	}
	if got := transfer.Reason("").Remedy(); got != "" {
		t.Errorf("no reason has the remedy %q", got)
	}
	for _, rules := range [][]transfer.Rule{transfer.ValidationRules(), transfer.ExecutionRules()} {
		for _, rule := range rules {
			if !slices.Contains(transfer.Reasons(), rule.Reason) {
				t.Errorf("a rule gives the reason %q, which is not listed", rule.Reason)
			}
		}
	}
}
