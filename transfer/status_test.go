package transfer_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"simtransfer/transfer"
)

// TestChangeStatus states the table of allowed changes a second time, cell by
// cell. The columns of a row are the statuses to which a SIM may change.
func TestChangeStatus(t *testing.T) {
	t.Parallel()
	const (
		ready, active, inactive      = transfer.Ready, transfer.Active, transfer.Inactive
		standby, suspended, terminal = transfer.Standby, transfer.Suspended, transfer.Terminated
	)
	type to = []transfer.Status
	staff := map[transfer.Status]to{
		ready:     {active, inactive, standby, suspended, terminal},
		active:    {inactive, standby, suspended, terminal},
		inactive:  {active, standby, suspended, terminal},
		standby:   {active, inactive, suspended, terminal},
		suspended: {active, inactive, standby, terminal},
		terminal:  {},
	}
	table := map[transfer.StatusActor]map[transfer.Status]to{
		transfer.ByAccount: {},
		transfer.BySupport: staff,
		transfer.ByAdmin:   staff,
		transfer.ByNetwork: {ready: {active}},
		transfer.ByCorrection: {
			ready:     {active, inactive, standby, suspended, terminal},
			active:    {ready, inactive, standby, suspended, terminal},
			inactive:  {ready, active, standby, suspended, terminal},
			standby:   {ready, active, inactive, suspended, terminal},
			suspended: {ready, active, inactive, standby, terminal},
			terminal:  {ready, active, inactive, standby, suspended},
		},
		transfer.BySwap: {
			ready:     {active, inactive, standby, suspended, terminal},
			active:    {terminal},
			inactive:  {terminal},
			standby:   {terminal},
			suspended: {terminal},
			terminal:  {},
		},
		transfer.ByRetirement: {
			ready:     {terminal},
			active:    {terminal},
			inactive:  {terminal},
			standby:   {terminal},
			suspended: {terminal},
			terminal:  {},
		},
	}
	for _, by := range transfer.StatusActors() {
		for _, from := range transfer.Statuses() {
			for _, to := range transfer.Statuses() {
				for _, protected := range []bool{false, true} {
					err := transfer.ChangeStatus(by, from, to, protected)
					listed := slices.Contains(table[by][from], to)
					want := from == to || listed && (to != terminal || !protected || by == transfer.BySwap)
					if (err == nil) != want {
						t.Errorf("%s changes %s to %s, protected %t: %v", by, from, to, protected, err)
					}
					var refused *transfer.StatusError
					if err == nil {
						continue
					}
					if !errors.As(err, &refused) || refused.From != from || refused.To != to || refused.Protected != listed {
						t.Errorf("%s changes %s to %s, protected %t: %#v", by, from, to, protected, err)
					}
					if text := err.Error(); listed != strings.Contains(text, "termination protection") {
						t.Errorf("%s changes %s to %s: %q", by, from, to, text)
					}
				}
			}
		}
	}
	if err := transfer.ChangeStatus("", ready, active, false); err == nil {
		t.Error("an unknown actor changes a status")
	}
}
