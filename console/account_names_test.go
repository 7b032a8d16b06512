package console_test

import (
	"strings"
	"testing"

	"simtransfer/client"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Staff reads the name of an account next to its operator id on every page with lists. An
// account does not learn the name of its destination.
func TestNamesOfAccounts(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.makeSIMs(4, transfer.Ready)
	source := s.as(s.accountKey(sourceID, storage.PermissionOwner))
	destination := s.as(s.accountKey(destinationID, storage.PermissionOwner))
	to := client.Destination{Email: strings.ToLower(destinationID) + "@example.com", OperatorID: destinationID}
	request, err := source.CreateRequest(t.Context(), client.NewRequest{Destination: to, SIMs: []string{iccid(1)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := source.CreateTransferCode(t.Context(), client.NewTransferCode{SIMs: []string{iccid(2)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := destination.CreatePullRequest(t.Context(), client.NewPullRequest{ICCIDs: []string{iccid(3)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.admin.CreateWebhookEndpoint(t.Context(), client.NewWebhookEndpoint{URL: "https://hooks.example.com/", Account: sourceID}); err != nil {
		t.Fatal(err)
	}
	const script = `<script>alert("name")</script>`
	if _, err := s.admin.UpdateAccount(t.Context(), destinationID, client.AccountChange{Name: new(client.Optional(script))}); err != nil {
		t.Fatal(err)
	}
	const first, second = "Company 1 ", "&lt;script&gt;"
	admin := s.signIn(s.admin.Key)
	for path, names := range map[string][]string{
		"/history": {first, second}, "/requests/" + request.ID.String(): {second}, "/sims": {first}, "/sims/" + iccid(1): {first}, "/codes": {first},
		"/pulls": {second}, "/webhooks": {first}, "/keys": {first, second}, "/support/sims/" + iccid(1): {first + "(" + sourceID, second}, "/accounts/" + sourceID: {second},
		"/audit?account=" + destinationID: {second},
	} {
		before := s.nameCalls.Load()
		p := admin.get(path)
		if n := s.nameCalls.Load() - before; n > 1 {
			t.Errorf("%s reads the names of accounts %d times", path, n)
		}
		for _, name := range names {
			if p.has(200); !strings.Contains(p.text, name) {
				t.Errorf("%s lacks the name %q", path, name)
			}
		}
		if strings.Contains(p.text, script) {
			t.Errorf("%s has the script of a name", path)
		}
	}
	owner := s.signIn(source.Key)
	for _, path := range []string{"/history", "/requests/" + request.ID.String(), "/sims/" + iccid(1)} {
		if p := owner.get(path).has(200); strings.Contains(p.text, second) {
			t.Errorf("%s shows the source the name of the destination", path)
		}
	}
}

// A plan has a price in each currency: staff reads the one that applies to the account of
// the SIM.
func TestPriceOfSIM(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.makeSIMs(1, transfer.Ready)
	sim, err := s.admin.GetSIM(t.Context(), iccid(1))
	if err != nil {
		t.Fatal(err)
	}
	prices := []client.MoneyInput{{Amount: "1500", Currency: "JPY"}, {Amount: "1234.50", Currency: "EUR"}}
	support := s.signIn(s.key(storage.NewKey{Role: storage.RoleSupport, Name: "support"}))
	for want, prices := range map[string][]client.MoneyInput{"1,234.50 EUR a month": prices, "no price in EUR": prices[:1]} {
		if _, err := s.admin.PutPlan(t.Context(), sim.Plan, client.PlanSettings{MonthlyPrices: &prices}); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/sims/", "/support/sims/"} {
			before := s.nameCalls.Load()
			p := support.get(path+iccid(1)).has(200, want)
			if n := s.nameCalls.Load() - before; n > 1 {
				t.Errorf("%s reads the names of accounts %d times", path, n)
			}
			if strings.Contains(p.text, "JPY") {
				t.Errorf("%s shows the price in another currency", p.path)
			}
		}
	}
}
