package console_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"simtransfer/client"
	"simtransfer/console"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Every page is tried with every permission and role, and by another account with the
// ids of things that are not its own.
func TestRoutes(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.makeSIMs(9, transfer.Ready)
	ownerKey := s.accountKey(sourceID, storage.PermissionOwner)
	source, destination := s.as(ownerKey), s.as(s.accountKey(destinationID, storage.PermissionOwner))
	to := client.Destination{Email: strings.ToLower(destinationID) + "@example.com", OperatorID: destinationID}
	request, err := source.CreateRequest(t.Context(), client.NewRequest{Destination: to, SIMs: []string{iccid(1), iccid(2)}})
	if err != nil {
		t.Fatal(err)
	}
	batch, err := source.CreateBatchFromSelection(t.Context(), client.NewRequest{Destination: to, SIMs: []string{iccid(3), iccid(4)}})
	if err != nil {
		t.Fatal(err)
	}
	code, err := source.CreateTransferCode(t.Context(), client.NewTransferCode{SIMs: []string{iccid(5)}})
	if err != nil {
		t.Fatal(err)
	}
	pull, err := destination.CreatePullRequest(t.Context(), client.NewPullRequest{ICCIDs: []string{iccid(6)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.admin.CreateAccount(t.Context(), client.NewAccount{OperatorID: bystanderID, Email: "bystander@example.com", Currency: "EUR", Coverage: "global"}); err != nil {
		t.Fatal(err)
	}
	key, err := source.GetCurrentKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	invitation, err := s.admin.CreateInvitation(t.Context(), client.NewInvitation{Email: "ada@example.com", Name: "Ada Byron", Account: sourceID, Permission: "viewer"})
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := s.admin.CreateWebhookEndpoint(t.Context(), client.NewWebhookEndpoint{URL: "https://hooks.example.com/only-of-the-source", Account: sourceID})
	if err != nil {
		t.Fatal(err)
	}
	s.signIn(ownerKey)
	signIns, err := s.admin.ListSignIns(t.Context(), client.SignInFilter{All: true}, client.Paging{})
	if err != nil || len(signIns.Items) != 1 {
		t.Fatalf("%d sign-ins, %v", len(signIns.Items), err)
	}
	addressOf := func(path string) string {
		id, longest := request.ID.String(), ""
		for prefix, other := range map[string]string{
			"/batches": batch.ID.String(), "/codes": code.ID.String(), "/pulls": pull.ID.String(), "/keys": itoa(key.ID),
			"/people": "1", "/people/invitations": itoa(invitation.ID), "/sign-ins": itoa(signIns.Items[0].ID), "/webhooks": endpoint.ID.String(),
		} {
			if strings.HasPrefix(path, prefix) && len(prefix) > len(longest) {
				id, longest = other, prefix
			}
		}
		return strings.NewReplacer("{$}", "", "{id}", id, "{sim}", iccid(1), "{account}", sourceID, "{delivery}", "1").Replace(path)
	}
	browsers := map[string]*browser{"owner": s.signIn(ownerKey)}
	for _, p := range []storage.Permission{storage.PermissionViewer, storage.PermissionOperator, storage.PermissionApprover} {
		browsers[string(p)] = s.signIn(s.accountKey(sourceID, p))
	}
	for _, role := range []storage.Role{storage.RoleSupport, storage.RoleFinance, storage.RoleAdmin} {
		browsers[string(role)] = s.signIn(s.key(storage.NewKey{Role: role, Name: "browser " + string(role)}))
	}
	bystander, stranger := s.signIn(s.accountKey(bystanderID, storage.PermissionOwner)), s.signIn("")
	visit := func(b *browser, r console.Page) page {
		if r.Method == http.MethodGet {
			return b.get(addressOf(r.Path))
		}
		return b.post(addressOf(r.Path), url.Values{})
	}
	calls := console.NewCallChecker(t)
	for r, allowed := range console.Pages() {
		if p := visit(stranger, r); r.Method == http.MethodGet && p.path != "/sign-in" || r.Method == http.MethodPost && p.status != http.StatusUnauthorized {
			t.Errorf("%s %s: a stranger gets %d %s", r.Method, r.Path, p.status, p.path)
		}
		for name, b := range browsers {
			if r.Method == http.MethodPost && slices.Contains(allowed, name) {
				continue // each page has a test of its own
			}
			p := visit(b, r)
			if p.status == http.StatusOK && (name == "owner" || name == "admin") {
				calls.Page(r.Path+" for "+name, s.url, p.text)
			}
			switch {
			case p.status >= 500:
				t.Errorf("%s %s: %s gets %d:\n%s", r.Method, r.Path, name, p.status, p.text)
			case !slices.Contains(allowed, name) && (p.status != http.StatusForbidden || !strings.Contains(p.text, "not for your role")):
				t.Errorf("%s %s: %s gets %d, although the page is not for this role", r.Method, r.Path, name, p.status)
			case slices.Contains(allowed, name) && (strings.Contains(p.text, "cannot make this call") || strings.Contains(p.text, "not for your role")):
				t.Errorf("%s %s: the API refuses %s a page that the navigation shows:\n%s", r.Method, r.Path, name, p.text)
			case len(p.text) > 100_000:
				t.Errorf("%s %s: %d bytes", r.Method, r.Path, len(p.text))
			}
		}
		p := visit(bystander, r)
		if strings.Contains(r.Path, "{id}") || strings.Contains(r.Path, "{sim}") {
			if p.status != http.StatusNotFound && p.status != http.StatusForbidden && p.status != http.StatusUnprocessableEntity && p.status != http.StatusBadRequest && p.path == addressOf(r.Path) && !strings.Contains(p.text, "does not exist, or") && r.Path != "/redeemed/{id}" {
				t.Errorf("%s %s: another account gets %d:\n%s", r.Method, r.Path, p.status, p.text)
			}
		}
		for _, secret := range []string{"Company 1", "op0000000001@example.com", "ada@example.com", "only-of-the-source", iccid(1)[:18] + "<", code.Code} {
			if strings.Contains(p.text, secret) {
				t.Errorf("%s %s: another account reads %q", r.Method, r.Path, secret)
			}
		}
	}
	// What the other account has tried has changed nothing.
	if again, err := source.GetRequest(t.Context(), request.ID); err != nil || again.State != request.State || again.Destination != request.Destination {
		t.Errorf("the request is %s: %v", again.State, err)
	}
	if again, err := source.GetBatch(t.Context(), batch.ID); err != nil || again.Counts.SIMs != batch.Counts.SIMs {
		t.Errorf("the batch has %d SIMs: %v", again.Counts.SIMs, err)
	}
	if again, err := source.GetTransferCode(t.Context(), code.ID); err != nil || again.State != code.State {
		t.Errorf("the code is %s: %v", again.State, err)
	}
	if again, err := destination.GetPullRequest(t.Context(), pull.ID); err != nil || again.State != pull.State {
		t.Errorf("the pull request is %s: %v", again.State, err)
	}
	if again, err := s.admin.GetInvitation(t.Context(), invitation.ID); err != nil || again.State != invitation.State {
		t.Errorf("the invitation is %s: %v", again.State, err)
	}
	if again, err := s.admin.GetWebhookEndpoint(t.Context(), endpoint.ID); err != nil || again.URL != endpoint.URL || again.State != endpoint.State {
		t.Errorf("the webhook endpoint is %s: %v", again.State, err)
	}
	if again, err := s.admin.GetSIM(t.Context(), iccid(9)); err != nil || again.Account != sourceID || again.Status != transfer.Ready {
		t.Errorf("the SIM is %s of %s: %v", again.Status, again.Account, err)
	}
}
