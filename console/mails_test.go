package console_test

import (
	"strings"
	"testing"

	"simtransfer/storage"
)

// The log of mails, as an owner and support see it: an owner only those to its contacts.
func TestMailPage(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	owner, other := s.signIn(s.accountKey(sourceID, storage.PermissionOwner)), s.signIn(s.accountKey(destinationID, storage.PermissionOwner))
	support := s.signIn(s.key(storage.NewKey{Role: storage.RoleSupport, Name: "support"}))
	owner.get("/mails").has(200, "No mail yet", "Choose who gets what")
	if _, err := s.db.Pool().ExecContext(t.Context(), `
		INSERT INTO mails (event, account, address, kind, type, data, state, attempts, ended_at, code, error)
		SELECT 'test', id, 'night@example.com', 'webhook', 'webhook_failing', '{}', 'failed', 2, clock_timestamp(), 550, 'no <b>such</b> user'
		FROM accounts WHERE operator_id = $1`, sourceID); err != nil {
		t.Fatal(err)
	}
	owner.get("/mails").has(200, "night@example.com", "Failed", "no &lt;b&gt;such&lt;/b&gt; user", "2 attempts", "A webhook endpoint fails")
	owner.get("/mails?state=sent").has(200, "No mail matches")
	if p := other.get("/mails").has(200, "No mail yet"); strings.Contains(p.text, "night@example.com") {
		t.Error("another account sees the mail")
	}
	support.get("/mails?account="+sourceID).has(200, "night@example.com", sourceID)
	support.get("/mails?email=nobody@example.com").has(200, "No mail matches")
	support.get("/mails?request=nonsense").has(400, "whole id")
	support.get("/mails?email=nonsense").has(422, "email")
}
