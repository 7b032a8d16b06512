package transfer_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/transfer"
)

func TestDecisionCodes(t *testing.T) {
	t.Parallel()
	want := []transfer.DecisionCode{
		"not_ours", "wrong_sims", "wrong_account", "duplicate", "unexpected", "no_longer_needed", "price", "not_permitted", "suspected_fraud", "other",
	}
	if diff := cmp.Diff(want, transfer.DecisionCodes()); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
	for _, c := range want {
		if c.Meaning() == "" {
			t.Errorf("%s has no meaning", c)
		}
		if c.NeedsWords() != (c == "other") {
			t.Errorf("%s needs words: %t", c, c.NeedsWords())
		}
	}
}

func TestReaders(t *testing.T) {
	t.Parallel()
	const source, destination, support = transfer.PartySource, transfer.PartyDestination, transfer.PartySupport
	for _, c := range []struct {
		author transfer.Party
		chosen []transfer.Party
		want   []transfer.Party
	}{
		{source, nil, []transfer.Party{source, destination, support}},
		{source, []transfer.Party{support}, []transfer.Party{source, support}},
		{source, []transfer.Party{destination, destination}, []transfer.Party{source, destination, support}},
		{destination, []transfer.Party{support}, []transfer.Party{destination, support}},
		{support, []transfer.Party{support}, []transfer.Party{support}},
		{support, []transfer.Party{destination}, []transfer.Party{destination, support}},
	} {
		got := transfer.Readers(c.author, c.chosen)
		if !slices.Equal(got, c.want) {
			t.Errorf("readers of a comment by %s for %v: got %v, want %v", c.author, c.chosen, got, c.want)
		}
	}
}
