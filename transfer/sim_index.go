package transfer

import (
	"cmp"
	"slices"
)

// SIMIndex finds the SIMs of a request that entries of a list select. The zero
// value has no SIM.
type SIMIndex struct {
	eids   map[string][]int
	forms  []indexedICCID // every ICCID, with and without its check digit
	stored []indexedICCID // every ICCID as it is stored
	sorted bool
}

type indexedICCID struct {
	digits string
	sim    int
}

func (a indexedICCID) compare(b indexedICCID) int {
	return cmp.Or(cmp.Compare(len(a.digits), len(b.digits)), cmp.Compare(a.digits, b.digits))
}

// Add adds a SIM by its number, its canonical ICCID, and its EID, empty for none. If
// the ICCID is another identifier, the SIM is in no range. If it is an EID, which a
// request can name though no SIM is on it, the SIM is found by that.
func (x *SIMIndex) Add(sim int, iccid, eid string) {
	if eid == "" && len(iccid) == eidLength {
		eid = iccid
	}
	if eid != "" {
		if x.eids == nil {
			x.eids = map[string][]int{}
		}
		x.eids[eid] = append(x.eids[eid], sim)
	}
	id := Identifier{iccid}
	if !id.IsICCID() || len(iccid) > maxICCID {
		return
	}
	x.sorted = false
	x.stored = append(x.stored, indexedICCID{iccid, sim})
	x.forms = append(x.forms, indexedICCID{iccid, sim})
	if other, ok := id.OtherForm(); ok {
		x.forms = append(x.forms, indexedICCID{other.digits, sim})
	}
}

// Select returns the numbers of the SIMs that the entries select, sorted and each
// once, and the entries that select none. Entries that name one SIM by its
// identifier select none. It takes no longer for ranges that overlap.
func (x *SIMIndex) Select(list []SIMRef) (sims []int, none []SIMRef) {
	if !x.sorted {
		slices.SortFunc(x.forms, indexedICCID.compare)
		slices.SortFunc(x.stored, indexedICCID.compare)
		x.sorted = true
	}
	forms, stored := newCovered(x.forms), newCovered(x.stored)
	for _, ref := range list {
		found := false
		switch {
		case ref.EID != "":
			sims = append(sims, x.eids[ref.EID]...)
			found = len(x.eids[ref.EID]) > 0
		case !ref.One():
			found = forms.cover(ref.Range)
			if bare, ok := ref.Range.WithoutCheckDigits(); ok && stored.cover(bare) {
				found = true
			}
		}
		if !found {
			none = append(none, ref)
		}
	}
	sims = stored.add(forms.add(sims))
	slices.Sort(sims)
	return slices.Compact(sims), none
}

// covered counts the ranges that begin less those that end before each element of a
// sorted list, so that the cost of a range does not depend on its length.
type covered struct {
	list  []indexedICCID
	delta []int
}

func newCovered(list []indexedICCID) *covered {
	return &covered{list, make([]int, len(list)+1)}
}

// cover adds a range. It returns false if nothing is in it.
func (c *covered) cover(r ICCIDRange) bool {
	from, _ := slices.BinarySearchFunc(c.list, indexedICCID{digits: r.First.digits}, indexedICCID.compare)
	to, _ := slices.BinarySearchFunc(c.list, indexedICCID{digits: r.Last.digits}, func(a, last indexedICCID) int {
		if a.compare(last) <= 0 {
			return -1
		}
		return 1
	})
	c.delta[from]++
	c.delta[to]--
	return from < to
}

// add adds the numbers of the SIMs that are in a range.
func (c *covered) add(sims []int) []int {
	depth := 0
	for i, is := range c.list {
		if depth += c.delta[i]; depth > 0 {
			sims = append(sims, is.sim)
		}
	}
	return sims
}
