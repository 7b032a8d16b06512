package demo

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"

	"simtransfer/client"
	"simtransfer/dev/sample"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// report is the result of a demonstration.
type report struct {
	SIMs            int     `json:"sims"` // in all requests
	Completed       int     `json:"completed"`
	Ineligible      int     `json:"ineligible"`
	Canceled        int     `json:"canceled"`
	Declined        int     `json:"declined"`
	Expired         int     `json:"expired"`
	Failed          int     `json:"failed"`
	SessionsDropped int     `json:"sessions_dropped"`
	Charges         int     `json:"charges"`
	Seconds         float64 `json:"seconds"`         // from the first acceptance until all SIMs are transferred
	SIMsPerSecond   float64 `json:"sims_per_second"` // transferred in that time
	SmallSeconds    float64 `json:"small_request_seconds"`
	Violations      int     `json:"violations"`
	Unexpected      int     `json:"unexpected"` // number of outcomes that are not as expected

	// The starts and stops of sessions that the gateways have reported to FreeRADIUS,
	// and those that it has stored. Zero without FreeRADIUS.
	StartsReported int `json:"starts_reported,omitempty"`
	StartsStored   int `json:"starts_stored,omitempty"`
	StopsReported  int `json:"stops_reported,omitempty"`
	StopsStored    int `json:"stops_stored,omitempty"`

	got, expected      map[int]map[sample.Outcome]int // by destination; the small request by its source
	fees, expectedFees map[transfer.Currency]int64
	findings           []storage.Finding
}

func (r *report) add(c client.Counts) {
	r.Completed += c.Completed
	r.Ineligible += c.Ineligible
	r.Canceled += c.Canceled
	r.Declined += c.Declined
	r.Expired += c.Expired
	r.Failed += c.Failed
}

// unexpected lists the outcomes that are not as expected.
func (r *report) unexpected() []string {
	var list []string
	for _, to := range sortedKeys(r.expected) {
		for _, o := range slices.SortedFunc(maps.Keys(merged(r.expected[to], r.got[to])), compareOutcomes) {
			if got, want := r.got[to][o], r.expected[to][o]; got != want {
				list = append(list, fmt.Sprintf("%s: %d SIMs %s, expected %d", requestName(to), got, o, want))
			}
		}
	}
	if !reflect.DeepEqual(r.fees, r.expectedFees) {
		list = append(list, fmt.Sprintf("fees in minor units: %v, expected %v", r.fees, r.expectedFees))
	}
	if r.StartsStored != r.StartsReported || r.StopsStored != r.StopsReported {
		list = append(list, fmt.Sprintf("FreeRADIUS has stored %d starts and %d stops of sessions, expected %d and %d",
			r.StartsStored, r.StopsStored, r.StartsReported, r.StopsReported))
	}
	return list
}

func merged(a, b map[sample.Outcome]int) map[sample.Outcome]int {
	m := maps.Clone(a)
	maps.Copy(m, b)
	return m
}

func (r *report) ok() bool { return r.Violations == 0 && len(r.unexpected()) == 0 }

func compareOutcomes(a, b sample.Outcome) int {
	return cmp.Or(cmp.Compare(slices.Index(transfer.States(), a.State), slices.Index(transfer.States(), b.State)), cmp.Compare(a.Reason, b.Reason))
}

func requestName(to int) string {
	a := sample.Accounts()[to]
	switch to {
	case sample.SmallerCustomer:
		return fmt.Sprintf("small request of %s", a.OperatorID)
	case sample.PartlyCanceled:
		return fmt.Sprintf("to %s, partly canceled, accepted", a.OperatorID)
	case sample.FeeWaived:
		return fmt.Sprintf("to %s, fee waived, accepted", a.OperatorID)
	case sample.OtherCoverage:
		return fmt.Sprintf("to %s, other coverage, fee lowered, accepted", a.OperatorID)
	case sample.DeclinesAll:
		return fmt.Sprintf("to %s, declined", a.OperatorID)
	case sample.NeverAnswers:
		return fmt.Sprintf("to %s, not answered", a.OperatorID)
	}
	return fmt.Sprintf("to %s, accepted", a.OperatorID)
}

// print writes the report as text and, if asJSON is set, as a line of JSON.
func (r *report) print(out io.Writer, asJSON bool) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nREQUEST\tOUTCOME\tSIMS\t")
	for _, to := range sortedKeys(r.got) {
		name := requestName(to)
		for _, o := range slices.SortedFunc(maps.Keys(r.got[to]), compareOutcomes) {
			fmt.Fprintf(t, "%s\t%s\t%d\t\n", name, o, r.got[to][o])
			name = ""
		}
	}
	_ = t.Flush() // to memory
	fmt.Fprintf(&b, "\n%d SIMs transferred in %.2f s (%.0f per second); meanwhile, a small request took %.0f ms\n",
		r.Completed, r.Seconds, r.SIMsPerSecond, 1000*r.SmallSeconds)
	var fees []string
	for _, c := range slices.Sorted(maps.Keys(r.fees)) {
		fees = append(fees, transfer.Money{Minor: r.fees[c], Currency: c}.String())
	}
	fmt.Fprintf(&b, "%d data sessions dropped, %d fees charged: %s\n", r.SessionsDropped, r.Charges, strings.Join(fees, " and "))
	if r.StartsReported > 0 {
		fmt.Fprintf(&b, "%d starts and %d stops of sessions stored by FreeRADIUS\n", r.StartsStored, r.StopsStored)
	}
	b.WriteString("\nCHECK\n")
	for _, f := range r.findings {
		fmt.Fprintf(&b, "%d  %d violations  %s\n", f.Number, f.Violations, f.Invariant)
		for _, example := range f.Examples {
			fmt.Fprintf(&b, "       %s\n", example)
		}
	}
	unexpected := r.unexpected()
	r.Unexpected = len(unexpected)
	if len(unexpected) == 0 {
		b.WriteString("\nEvery outcome is as expected.\n")
	} else {
		fmt.Fprintf(&b, "\nUNEXPECTED\n%s\n", strings.Join(unexpected, "\n"))
	}
	if asJSON {
		line, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("writing the report as JSON: %w", err)
		}
		fmt.Fprintf(&b, "%s\n", line)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// sortedKeys returns the keys of a map in order.
func sortedKeys(m map[int]map[sample.Outcome]int) []int { return slices.Sorted(maps.Keys(m)) }
