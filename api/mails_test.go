package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"simtransfer/api/problem"
	"simtransfer/mail"
	texts "simtransfer/notice"
	"simtransfer/transfer"
)

// Owners see the mails to their contacts and what is refused, and staff all; no
// account sees those of another one.
func TestMails(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	const desk = `UPDATE accounts SET contacts = '{"transfers": ["%s@example.com"]}' WHERE operator_id = 'OP0000000001'`
	s.exec(fmt.Sprintf(desk, "desk"))
	s.exec(`
		INSERT INTO mails (event, account, address, kind, type, data, state, ended_at, code, error)
		SELECT '1-2', id, 'desk@example.com', 'asked', 'asked', '{}', 'failed', clock_timestamp(), 550, '550 no'
		FROM accounts
		WHERE operator_id IN ('OP0000000001', 'OP0000000002')`)
	s.exec(`INSERT INTO mails (event, address, kind, type, data) VALUES ('sign-in-1', 'maria@example.com', 'new_sign_in', 'new_sign_in', '{}')`)
	s.exec(`INSERT INTO mail_refusals (address, code, error) VALUES ('desk@example.com', 550, '550 no such mailbox')`)
	own := read[List[Mail]](s.get(s.source, "/v1/mails").is(200)).Items
	if len(own) != 1 || own[0].Error == nil || *own[0].Code != 550 || own[0].Event != "1-2" {
		t.Errorf("an owner sees %+v", own)
	}
	if all := read[List[Mail]](s.get(s.support, "/v1/mails").is(200)).Items; len(all) != 3 {
		t.Errorf("support sees %d mails", len(all))
	}
	if found := read[List[Mail]](s.get(s.support, "/v1/mails?state=pending&kind=new_sign_in&email=Maria@example.com").is(200)).Items; len(found) != 1 {
		t.Errorf("support finds %+v", found)
	}
	of := read[AccountMail](s.get(s.source, "/v1/accounts/"+sourceID+"/mail").is(200))
	if of.Sending || len(of.Refused) != 1 || of.Refused[0].Email != "desk@example.com" || of.Refused[0].Error != "550 no such mailbox" || len(of.Kinds) != len(transfer.MailKinds()) {
		t.Errorf("the mail of the account: %+v", of)
	}
	if other := read[AccountMail](s.get(s.destination, "/v1/accounts/"+destinationID+"/mail").is(200)); len(other.Refused) != 0 {
		t.Errorf("another account sees %+v", other.Refused)
	}
	s.get(s.destination, "/v1/accounts/"+sourceID+"/mail").problem(404, problem.NotFound)
	s.exec(fmt.Sprintf(desk, "other"))
	if of := read[AccountMail](s.get(s.source, "/v1/accounts/"+sourceID+"/mail").is(200)); len(of.Refused) != 0 {
		t.Errorf("the address was changed, and refused is %+v", of.Refused)
	}
}

// Owners turn kinds of mail off and on, but not those about the security of the
// account.
func TestChooseMail(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	put := func(body map[string]any) testResponse {
		return s.do(apiCall{method: "PUT", path: "/v1/accounts/" + sourceID + "/mail", key: s.source, body: body})
	}
	for range 2 {
		if m := read[AccountMail](put(map[string]any{"email": "Desk@Example.com", "kind": "reminder", "off": true}).is(200)); len(m.Off) != 1 || m.Off[0].Email != "desk@example.com" {
			t.Errorf("off is %+v", m.Off)
		}
	}
	if m := read[AccountMail](put(map[string]any{"email": "desk@example.com", "kind": "reminder", "off": false}).is(200)); len(m.Off) != 0 {
		t.Errorf("off is %+v", m.Off)
	}
	put(map[string]any{"email": "desk@example.com", "kind": "new_key", "off": true}).problem(422, problem.Invalid)
	put(map[string]any{"email": "desk", "kind": "reminder", "off": true}).problem(422, problem.Invalid)
	if n := s.queryInt(`SELECT count(*) FROM audit WHERE action = 'mail.choice'`); n != 2 {
		t.Errorf("%d entries of the audit trail", n)
	}
}

// The link in a mail shows a button, and only a POST turns mails off, without a
// sign-in and from any program; a link that was not signed by the service does
// nothing.
func TestUnsubscribe(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	account := int64(s.queryInt(`SELECT id FROM accounts WHERE operator_id = 'OP0000000001'`))
	secret, err := s.db.UnsubscribeSecret(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	link := unsubscribePath + mail.Sign(secret, texts.Unsubscribe{Account: account, Kind: transfer.MailKindReminder, Address: "desk@example.com"}.String())
	off := func() int {
		return s.queryInt(`SELECT count(*) FROM mail_choices c JOIN accounts a ON a.id = c.account WHERE a.operator_id = 'OP0000000001' AND c.address = 'desk@example.com' AND c.kind = 'reminder'`)
	}
	call := func(method, path string) (int, string) {
		a := s.do(apiCall{method: method, path: path, body: "List-Unsubscribe=One-Click", header: map[string]string{
			"Content-Type": "application/x-www-form-urlencoded", "Origin": "https://mail.example", "Sec-Fetch-Site": "cross-site",
		}})
		return a.status, a.text
	}
	if status, page := call(http.MethodGet, link); status != 200 || !strings.Contains(page, "desk@example.com") || !strings.Contains(page, "<button>Turn off</button>") || off() != 0 {
		t.Errorf("%d: %s", status, page)
	}
	for range 2 {
		if status, page := call(http.MethodPost, link); status != 200 || !strings.Contains(page, "Turn on again") || off() != 1 {
			t.Errorf("%d: %s", status, page)
		}
	}
	if status, _ := call(http.MethodGet, link+"?on=1"); status != 200 || off() != 1 {
		t.Errorf("%d", status)
	}
	if status, _ := call(http.MethodPost, link+"?on=1"); status != 200 || off() != 0 {
		t.Errorf("%d", status)
	}
	for _, bad := range []string{link + "x", unsubscribePath + "x", unsubscribePath + mail.Sign([]byte("another"), "1\nreminder\ndesk@example.com")} {
		if status, page := call(http.MethodPost, bad); status != 404 || !strings.Contains(page, "does not work") || off() != 0 {
			t.Errorf("%s: %d %s", bad, status, page)
		}
	}
}
