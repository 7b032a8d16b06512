package console_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// An owner creates an endpoint, tests it, looks at the delivery, and changes, rotates,
// disables and deletes the endpoint; secrets are shown once.
func TestWebhookPages(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	key := s.accountKey(sourceID, storage.PermissionOwner)
	source, owner := s.as(key), s.signIn(key)

	fields := owner.get("/webhooks").has(200, "No endpoint yet", "webhooks create").form("/webhooks")
	fields.Set("url", "http://example.com/hook")
	fields.Set("description", script)
	fields.Set("which", "all")
	owner.post("/webhooks", fields).has(422, "not an https URL", "&lt;script&gt;", `value="http://example.com/hook"`)
	fields.Set("url", "https://example.com/hook")
	fields.Set("which", "listed")
	owner.post("/webhooks", fields).has(422, "tick at least one type")
	fields["types"] = []string{"transfer_request.completed", "transfer_request.declined"}
	made := owner.post("/webhooks", fields).has(200, "The endpoint is created", "whsec_", "&lt;script&gt;")
	if again := owner.post("/webhooks", fields).has(200, "whsec_"); strings.Count(again.text, `class="first break"`) != 1 {
		t.Error("a second click creates a second endpoint")
	}
	if strings.Contains(owner.get("/webhooks").text, "whsec_") {
		t.Error("the secret is shown twice")
	}
	list, err := source.ListWebhookEndpoints(t.Context(), client.WebhookFilter{}, client.Paging{})
	if err != nil || len(list.Items) != 1 || len(list.Items[0].Types) != 2 {
		t.Fatalf("endpoints: %+v, %v", list.Items, err)
	}
	e := list.Items[0]
	path := "/webhooks/" + e.ID.String()
	if !strings.Contains(made.text, `href="`+path+`"`) {
		t.Error("the page of the new endpoint is not linked")
	}

	// A test, and its delivery.
	page := owner.get(path).has(200, "Nothing was sent yet", "example.com/hook", "transfer_request.declined")
	sent := owner.post(path+"/test", page.form(path+"/test")).has(200, "A test is on its way", "endpoint.test", "Pending")
	if !strings.Contains(sent.text, `hx-get="`+path+`/live"`) {
		t.Error("the page does not look again by itself")
	}
	owner.get(path+"?state=failed").has(200, "No delivery matches")
	owner.get(path+"?state=nonsense").has(422, "state")
	deliveries, err := source.ListWebhookDeliveries(t.Context(), e.ID, client.DeliveryFilter{}, client.Paging{})
	if err != nil || len(deliveries.Items) != 1 {
		t.Fatalf("deliveries: %+v, %v", deliveries.Items, err)
	}
	delivery := path + "/deliveries/" + strconv.FormatInt(deliveries.Items[0].ID, 10)
	owner.get(delivery).has(200, "endpoint.test", "What is sent", "It is sent by itself", deliveries.Items[0].Message)
	owner.get(path+"/deliveries/999999").has(404, "Not found")

	// Changed in another tab: the page says so, and keeps what was typed.
	change := page.form(path)
	change.Set("url", "https://example.com/new")
	change.Set("which", "listed")
	owner.post(path, change).has(422, "tick at least one type", "https://example.com/new")
	change.Set("which", "all")
	if _, err := source.UpdateWebhookEndpoint(t.Context(), e.ID, client.WebhookChange{URL: "https://example.com/other"}); err != nil {
		t.Fatal(err)
	}
	owner.post(path, change).has(412, "https://example.com/new", "https://example.com/other")
	change.Set("etag", owner.get(path).form(path).Get("etag"))
	owner.post(path, change).has(200, "The endpoint is saved")

	// A new secret is shown once.
	rotate := owner.get(path).form(path + "/rotate")
	rotate.Set("overlap_seconds", "3600")
	owner.post(path+"/rotate", rotate).has(200, "The new secret", "whsec_", "signed with both secrets")
	if strings.Contains(owner.get(path).has(200, "the old one is valid until").text, "whsec_") {
		t.Error("the new secret is shown twice")
	}

	// Disabled: what was pending has failed, and can be sent again after enabling.
	owner.post(path+"/disable", owner.get(path).form(path+"/disable")).has(200, "Nothing is sent to this endpoint since", "Enable the endpoint first")
	owner.get(delivery).has(200, "The endpoint is disabled")
	owner.post(path+"/replay", url.Values{}).has(409, "disabled")
	enabled := owner.post(path+"/enable", owner.get(path).form(path+"/enable")).has(200, "The endpoint is enabled")
	replay := enabled.form(path + "/replay")
	replay.Set("since", "yesterday")
	owner.post(path+"/replay", replay).has(422, "write the time as", `value="yesterday"`)
	replay.Set("since", "")
	owner.post(path+"/replay", replay).has(200, "1 message will be sent again")
	owner.post(delivery+"/replay", url.Values{}).has(200, "on its way already")

	// Support reads, and does not change.
	support := s.signIn(s.key(storage.NewKey{Role: storage.RoleSupport, Name: "desk"}))
	if p := support.get(path).has(200, "endpoint.test", sourceID); strings.Contains(p.text, `action="`+path) || strings.Contains(p.text, `type="url"`) {
		t.Error("support is offered to change the endpoint")
	}
	support.get("/webhooks?staff=yes").has(200, "No endpoint matches")
	support.get("/webhooks?account="+sourceID).has(200, path)

	// An administrator creates one of staff, with the type that only staff gets.
	admin := s.signIn(s.admin.Key)
	fields = admin.get("/webhooks").has(200, string(transfer.MessageChanges)).form("/webhooks")
	fields.Set("url", "https://example.com/staff")
	fields.Set("which", "listed")
	fields.Set("types", string(transfer.MessageChanges))
	admin.post("/webhooks", fields).has(200, "The endpoint is created", "all (staff)")
	if p := owner.get("/webhooks"); strings.Contains(p.text, "example.com/staff") || strings.Contains(p.text, string(transfer.MessageChanges)) {
		t.Error("an account sees the endpoint of staff")
	}

	// Another account sees nothing of it.
	other := s.signIn(s.accountKey(destinationID, storage.PermissionOwner))
	other.get(path).has(404, "Not found")
	other.get(delivery).has(404, "Not found")
	for _, act := range []string{"", "/test", "/rotate", "/disable", "/enable", "/replay", "/delete"} {
		if p := other.post(path+act, url.Values{"_key": {uuid.NewString()}, "url": {"https://example.com/stolen"}}); p.status != 404 {
			t.Errorf("%s by another account: %d", act, p.status)
		}
	}
	other.post(delivery+"/replay", url.Values{}).has(404, "Not found")

	owner.post(path+"/delete", owner.get(path).form(path+"/delete")).has(200, "The endpoint is deleted", "No endpoint yet")
	owner.get(path).has(404, "Not found")
}
