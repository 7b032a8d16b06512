package api

import (
	"strings"
	"testing"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// The ids of accounts and of SIMs in the operator's own systems are shown to
// support, wherever an account is named, and to finance. Accounts do not see them:
// neither those of their SIMs, even of SIMs that they received from others, nor those
// of others.
func TestExternalIDsAreTheOperators(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Ready)
	s.exec(`UPDATE accounts SET external_id = 'secret-' || operator_id`)
	s.patchSIM(s.support, iccid(1), obj{"external_id": "secret-meter", "lot": "box-7"}).is(200)
	s.patchSIM(s.support, iccid(1), obj{"external_id": "secret-meter-2"}).is(200)
	made := read[Batch](s.do(apiCall{method: "POST", path: "/v1/batches", key: s.source, header: csvHeader(), body: "sim,destination_email,destination_operator_id\n" +
		iccid(1) + "," + emailOf(destinationID) + "," + destinationID + "\n"}).is(202))
	s.work()
	s.post(s.destination, requestPath(made.Items[0].ID)+"/accept", nil).is(202)
	s.work()
	finance := s.key(storage.NewKey{Role: storage.RoleFinance, Name: "billing"})

	s.awaitEvents()

	// what staff reads, with the external ids that it shows
	for path, want := range map[string][]string{
		"/v1/sims":                             {destinationID, sourceID, "meter-2"},
		"/v1/sims/" + iccid(1):                 {destinationID, "meter-2"},
		"/v1/sims?external_id=secret-meter-2":  {destinationID, "meter-2"},
		"/v1/support/sims/" + iccid(1):         {destinationID, sourceID, "meter-2"},
		"/v1/batches":                          {sourceID},
		"/v1/batches/" + made.ID.String():      {sourceID},
		"/v1/keys":                             {destinationID, sourceID},
		"/v1/audit":                            {sourceID, "meter-2"},
		"/v1/audit?sim=" + iccid(1):            {sourceID, "meter"},
		"/v1/events":                           {destinationID, sourceID},
		"/v1/changes":                          {destinationID, sourceID, "meter"},
		"/v1/exports/sims":                     {destinationID, sourceID, "meter-2"},
		"/v1/exports/registrations":            {destinationID, sourceID},
		"/v1/exports/transfers":                {destinationID, sourceID},
		requestPath(made.Items[0].ID):          {destinationID, sourceID},
		"/v1/transfer-requests?direction=both": {destinationID, sourceID},
	} {
		key := s.admin
		text := s.get(key, path).is(200).text
		for _, id := range want {
			if !strings.Contains(text, `"secret-`+id) {
				t.Errorf("%s shows support nothing of %s: %s", path, id, text)
			}
		}
	}
	for _, export := range []string{"sims", "registrations", "transfers"} {
		if text := s.export(s.admin, export, typeCSV).text; !strings.Contains(text, "secret-"+sourceID) {
			t.Errorf("the export of %s as CSV: %s", export, text)
		}
	}
	if text := s.get(finance, "/v1/exports/registrations").is(200).text; !strings.Contains(text, "secret-"+sourceID) {
		t.Errorf("finance reads %s", text)
	}
	preview := requestBody(iccid(2))
	if text := s.post(s.source, "/v1/transfer-requests/preview", preview).is(200).text; strings.Contains(text, "secret-") {
		t.Errorf("the source previews %s", text)
	}
	preview["on_behalf_of"] = sourceID
	if v := read[Preview](s.post(s.support, "/v1/transfer-requests/preview", preview).is(200)); valueOrZero(v.SourceExternalID) != "secret-"+sourceID || valueOrZero(v.DestinationExternalID) != "secret-"+destinationID {
		t.Errorf("support previews %+v", v)
	}
	batch := apiCall{method: "GET", path: "/v1/batches/" + made.ID.String(), key: s.source}
	tag := s.do(batch).is(200).header.Get("ETag")
	batch.header = map[string]string{"If-None-Match": tag}
	if a := s.do(batch).is(304); tag == "" || a.text != "" {
		t.Errorf("a batch that has not changed: ETag %q, %s", tag, a.text)
	}
	for name, key := range map[string]string{"source": s.source, "destination": s.destination} {
		for _, path := range []string{
			"/v1/sims", "/v1/sims/" + iccid(map[string]int{"source": 2, "destination": 1}[name]), "/v1/batches", "/v1/keys", "/v1/audit", "/v1/events",
			"/v1/exports/sims", "/v1/exports/registrations", "/v1/exports/transfers", requestPath(made.Items[0].ID),
			requestPath(made.Items[0].ID) + "/results", requestPath(made.Items[0].ID) + "/events",
		} {
			if text := s.get(key, path).is(200).text; strings.Contains(text, "secret-") {
				t.Errorf("%s shows the %s %s", path, name, text)
			}
		}
		s.get(key, "/v1/sims?external_id=secret-meter-2").problem(403, problem.Forbidden)
	}
	if v := s.simOf(s.destination, iccid(1)); v.Lot == nil || *v.Lot != "box-7" {
		t.Errorf("the new owner sees the lot %v", v.Lot)
	}
}

func (s *testService) simOf(key, sim string) SIM {
	s.t.Helper()
	return read[SIM](s.get(key, "/v1/sims/"+sim).is(200))
}

// The owners of an account keep its contacts up to date, and change nothing else
// of it, nor anything of other accounts.
func TestOwnersChangeContacts(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	patch := func(key, account string, body obj) testResponse {
		t.Helper()
		return s.do(apiCall{method: "PATCH", path: "/v1/accounts/" + account, key: key, body: body})
	}
	contacts := obj{"contacts": obj{"billing": []string{"billing@example.com"}}}
	v := read[Account](patch(s.source, sourceID, contacts).is(200))
	if v.Contacts == nil || len(v.Contacts.Billing) != 1 {
		t.Errorf("the contacts are %+v", v.Contacts)
	}
	patch(s.source, destinationID, contacts).problem(404, problem.NotFound)
	patch(s.source, "OP9999999999", contacts).problem(404, problem.NotFound)
	for _, body := range []obj{
		{"email": "new@example.com"},
		{"coverage": "emea"},
		{"standing": "closed"},
		{"name": "New"},
		{"external_id": "C-1"},
		{"plans": []string{}},
		{"max_open_requests": 0},
		{"max_open_sims": 0},
		{"max_unknown_sims": 0},
		{"open_requests": "end", "standing": "closed"},
		{"contacts": obj{}, "name": nil},
	} {
		patch(s.source, sourceID, body).problem(403, problem.Forbidden)
	}
	approver := s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: sourceID, Permission: storage.PermissionApprover, Name: "approver"})
	patch(approver, sourceID, contacts).problem(403, problem.Forbidden)
	if entries := read[List[AuditEntry]](s.get(s.admin, "/v1/audit?action=account.update").is(200)).Items; len(entries) != 1 || *entries[0].KeyAccount != sourceID {
		t.Errorf("%d changes are on record", len(entries))
	}
}
