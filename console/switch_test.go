package console_test

import (
	"net/url"
	"strings"
	"testing"

	"simtransfer/client"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// A person with two accounts chooses one, switches, and cannot send the form of a page
// of one account for the other. The history names the person.
func TestSwitchAccounts(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.makeSIMs(1, transfer.Ready)
	b := s.signIn("")
	for _, id := range []transfer.AccountRef{sourceID, destinationID} {
		made, err := s.admin.CreateInvitation(t.Context(), client.NewInvitation{Email: "kim@example.com", Name: "Kim Doe", Account: id, Permission: "owner"})
		if err != nil {
			t.Fatal(err)
		}
		link, err := url.Parse(made.Link)
		if err != nil {
			t.Fatal(err)
		}
		b.post(link.Path, url.Values{})
	}
	b.get("/outbox").has(200, "Choose an account", "Company 1", "Company 2")
	b.post("/act-for", url.Values{"account": {sourceID}, "next": {"/outbox"}}).has(200, "Kim Doe", "owner of "+sourceID, "Nothing is on its way")
	r := s.send(s.as(s.accountKey(sourceID, storage.PermissionOwner)), client.NewRequest{SIMs: []string{iccid(1)}})
	path := "/requests/" + r.ID.String()
	fields := with(b.get(path).form(path+"/cancel"), "which", "all")

	b.post("/act-for", url.Values{"account": {destinationID}, "next": {"//evil.example/"}}).has(200, "1 SIM from Company 1")
	kept := b.post(path+"/cancel", fields).has(409, "You have switched accounts", "Switch back to "+sourceID)
	b.post("/act-for", url.Values{"account": {sourceID}, "next": {"/signed-in"}}).has(200, "Close this tab")
	b.post(path+"/cancel", kept.form(path+"/cancel")).has(200, "1 SIM canceled", "Kim Doe")
	if p := s.signIn(s.accountKey(destinationID, storage.PermissionOwner)).get(path); strings.Contains(p.text, "Kim Doe") {
		t.Error("the other side reads the name of the person")
	}
}
