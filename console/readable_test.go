package console_test

import (
	"strings"
	"testing"

	"simtransfer/client"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// lacks fails if the page contains one of the texts.
func (p page) lacks(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		if strings.Contains(p.text, text) {
			p.t.Errorf("%s has %q", p.path, text)
		}
	}
}

// A list whose filter is refused does not claim that there is nothing.
func TestRefusedFilters(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	b := s.signIn(s.accountKey(sourceID, storage.PermissionOwner))
	b.get("/history?cursor=nonsense").has(422, "alert bad").lacks("No transfers yet", "No transfer matches")
	b.get("/history?from=yesterday").has(200, "alert bad").lacks("No transfers yet", "No transfer matches")
	b.get("/sims?prefix=12").has(422, "alert bad").lacks("No SIM matches", "0 SIMs")
	b.get("/sims?group=nothing").has(200, "No SIM matches", "0 SIMs that match")
}

// A new transfer of an address that names SIMs which the account lacks says so first.
func TestAddressWithoutSIMs(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.makeSIMs(2, transfer.Ready)
	b := s.signIn(s.accountKey(sourceID, storage.PermissionOwner))
	b.get("/transfers/new?list="+iccid(1)).has(200, "To whom?", "1 SIM that you chose")
	b.get("/transfers/new?list="+iccid(1)+","+iccid(999)).has(422, "Which SIMs?", "1 line has to be corrected", iccid(999), "continue with 1 SIM")
	b.get("/transfers/new?list="+iccid(999)).has(422, "Which SIMs?", "1 line has to be corrected")
}

// Texts that people type are shown as they are meant.
func TestReadableTexts(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.makeSIMs(2, transfer.Ready)
	key := s.accountKey(sourceID, storage.PermissionOwner)
	b := s.signIn(key)

	// What is wrong with a field begins with a capital letter, as every sentence.
	b.post("/redeem", with(b.get("/redeem").form("/redeem"), "code", "AAAA")).
		has(422, `<span class="field-error" id="redeem-code-error">Not a transfer code`)

	// The name of a key breaks after its marks.
	b.post("/keys", with(with(b.get("/keys").form("/keys"), "name", "north_<b>_stores"), "permission", "viewer")).has(200, "cannot be shown again")
	b.get("/keys").has(200, "north_<wbr>&lt;b&gt;_<wbr>stores")

	// The review of a transfer keeps the lines of its message.
	f := b.get("/transfers/new").form("/transfers/new")
	for name, value := range map[string]string{
		"list": iccid(1), "to": "new", "destination.operator_id": destinationID, "destination.email": strings.ToLower(destinationID) + "@example.com", "message": "One\ntwo 🚢", "go": "review",
	} {
		f.Set(name, value)
	}
	b.post("/transfers/new", f).has(200, "Review the transfer", `<blockquote class="quote">`+"One\ntwo 🚢</blockquote>")

	// The printed page of a SIM has its group and tags, which are fields on the screen.
	if _, err := s.as(key).UpdateSIM(t.Context(), iccid(1), client.SIMChange{Group: new("meters"), Tags: map[string]*string{"site": new("north")}}); err != nil {
		t.Fatal(err)
	}
	b.get("/sims/"+iccid(1)).has(200, `<dl class="facts print-only"><dt>Group</dt><dd>meters</dd>`, "site=north")
}
