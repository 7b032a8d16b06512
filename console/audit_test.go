package console_test

import (
	"strings"
	"testing"
	"time"

	"simtransfer/client"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// The audit trail says in words what was done to what, and leads there.
func TestAuditTrail(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	planned := time.Now().AddDate(0, 1, 0).UTC().Truncate(time.Hour)
	if _, err := s.admin.CreateFee(t.Context(), client.NewFee{Method: transfer.SupportAssisted, Fee: &client.MoneyInput{Amount: "2.50", Currency: "EUR"}, ValidFrom: &planned}); err != nil {
		t.Fatal(err)
	}
	key, err := s.admin.CreateKey(t.Context(), client.NewKey{Role: "support", Name: "desk"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.admin.ListMails(t.Context(), client.MailFilter{}, client.Paging{}); err != nil {
		t.Fatal(err)
	}
	admin := s.signIn(s.admin.Key)
	p := admin.get("/audit").has(200,
		`<td class="first">Mails listed`, `<td class="first">Account opened`, `href="/accounts/`+sourceID+`"`,
		"Fee set", `<a href="/fees">Fee, support assisted, EUR</a>`, "valid from: "+planned.Format("2006-01-02 15:04")+" UTC",
		"API key created", `<a href="/keys?key=`+itoa(key.ID)+`#change">Key `+itoa(key.ID)+`</a>`,
	)
	if strings.Contains(p.text, `<td class="first">Accounts listed`) {
		t.Error("a read of the mails is called one of accounts")
	}
	admin.get("/keys?key="+itoa(key.ID)).has(200, "desk")
}

// The life of a SIM says why a request for it was declined.
func TestLifeSaysWhyDeclined(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.makeSIMs(1, transfer.Ready)
	source, destination := s.as(s.accountKey(sourceID, storage.PermissionOwner)), s.as(s.accountKey(destinationID, storage.PermissionOwner))
	r, err := source.CreateRequest(t.Context(), client.NewRequest{
		Destination: client.Destination{Email: strings.ToLower(destinationID) + "@example.com", OperatorID: destinationID}, SIMs: []string{iccid(1)},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.doWork()
	if _, err := destination.DeclineRequest(t.Context(), r.ID, client.Decline{Code: "duplicate"}); err != nil {
		t.Fatal(err)
	}
	s.doWork()
	support := s.signIn(s.key(storage.NewKey{Role: storage.RoleSupport, Name: "desk"}))
	support.get("/support/sims/"+iccid(1)).has(200, "declined", "code: duplicate")
}
