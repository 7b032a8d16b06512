package transfer_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/transfer"
)

func TestMethodOfAStatus(t *testing.T) {
	t.Parallel()
	want := map[transfer.Status]transfer.Method{
		"ready":     "self_service",
		"active":    "support_assisted",
		"inactive":  "support_assisted",
		"standby":   "support_assisted",
		"suspended": "support_assisted",
	}
	for _, s := range transfer.Statuses() {
		m, ok := s.Method()
		if m != want[s] || ok != (s != transfer.Terminated) {
			t.Errorf("%s: method %q, %t; want %q", s, m, ok, want[s])
		}
	}
	if len(transfer.Statuses()) != 6 || len(transfer.Methods()) != 2 {
		t.Errorf("%d statuses and %d methods, want 6 and 2", len(transfer.Statuses()), len(transfer.Methods()))
	}
	if m, ok := transfer.Status("lost").Method(); ok {
		t.Errorf("an unknown status has the method %s", m)
	}
}

// fit is a SIM that is eligible.
func fit() transfer.Facts {
	return transfer.Facts{
		Found: true, Owned: true, AccountsOpen: true, Claimed: true,
		Status: transfer.Active, Method: transfer.SupportAssisted,
	}
}

func TestJudgeInValidation(t *testing.T) {
	t.Parallel()
	// Each case makes one more rule apply: the first one decides.
	f := fit()
	for _, c := range []struct {
		spoil func()
		want  transfer.Reason
	}{
		{func() {}, ""},
		{func() { f.SelfOnly = true }, transfer.NeedsSupport},
		{func() { f.PlanBarred = true }, transfer.PlanNotAvailable},
		{func() { f.PlanBound = true }, transfer.PlanNotTransferable},
		{func() { f.Locked = true }, transfer.SIMLocked},
		{func() { f.Claimed = false }, transfer.AlreadyTransferring},
		{func() { f.Status = transfer.Terminated }, transfer.SIMTerminated},
		{func() { f.AccountsOpen = false }, transfer.AccountClosed},
		{func() { f.Owned = false }, transfer.SIMNotFound},
		{func() { f.Found = false }, transfer.SIMNotFound},
	} {
		c.spoil()
		if got := transfer.Judge(transfer.ValidationRules(), f); got != c.want {
			t.Errorf("%+v: %q, want %q", f, got, c.want)
		}
	}
}

func TestJudgeAtExecution(t *testing.T) {
	t.Parallel()
	f := fit()
	for _, c := range []struct {
		spoil func()
		want  transfer.Reason
	}{
		{func() {}, ""},
		{func() { f.PlanBarred = true }, transfer.PlanNotAvailable},
		{func() { f.PlanBound = true }, transfer.PlanNotTransferable},
		{func() { f.Method = transfer.SelfService }, transfer.StatusChanged},
		{func() { f.Locked = true }, transfer.SIMLocked},
		{func() { f.Status = transfer.Terminated }, transfer.SIMTerminated},
		{func() { f.AccountsOpen = false }, transfer.AccountClosed},
		{func() { f.Owned = false }, transfer.OwnerChanged},
	} {
		c.spoil()
		if got := transfer.Judge(transfer.ExecutionRules(), f); got != c.want {
			t.Errorf("%+v: %q, want %q", f, got, c.want)
		}
	}
}

// A change between statuses with the same method does not matter.
func TestStatusChangesThatDoNotMatter(t *testing.T) {
	t.Parallel()
	for _, s := range []transfer.Status{transfer.Active, transfer.Inactive, transfer.Standby, transfer.Suspended} {
		f := fit()
		f.Status = s
		if got := transfer.Judge(transfer.ExecutionRules(), f); got != "" {
			t.Errorf("a SIM that is %s now fails with %s", s, got)
		}
	}
	f := fit()
	f.Status = transfer.Ready
	if got := transfer.Judge(transfer.ExecutionRules(), f); got != transfer.StatusChanged {
		t.Errorf("a SIM that is ready now: %q, want %q", got, transfer.StatusChanged)
	}
}

// A request for self-service only refuses exactly the SIMs that need support.
func TestSelfServiceOnly(t *testing.T) {
	t.Parallel()
	for _, s := range transfer.Statuses() {
		f := fit()
		f.Status, f.SelfOnly = s, true
		want := map[transfer.Status]transfer.Reason{transfer.Ready: "", transfer.Terminated: transfer.SIMTerminated}
		w, ok := want[s]
		if !ok {
			w = transfer.NeedsSupport
		}
		if got := transfer.Judge(transfer.ValidationRules(), f); got != w {
			t.Errorf("a SIM that is %s: %q, want %q", s, got, w)
		}
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	want := []string{ // by self-service, and with support
		"tags: reset, keep",
		"expiration: reset, keep",
		"termination_protection: reset, keep",
		"sim_group: reset, reset",
		"event_handlers: reset, reset",
		"speed_class: reset, reset",
		"containers: keep, keep",
		"imei_lock: reset, keep",
	}
	var got []string
	for _, s := range transfer.Policy() {
		got = append(got, fmt.Sprintf("%s: %s, %s", s.Name, s.Under(transfer.SelfService), s.Under(transfer.SupportAssisted)))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
}
