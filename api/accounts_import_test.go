package api

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// importAccounts imports accounts and returns a line of text for each row.
func (s *testService) importAccounts(query, text string) (AccountsImport, []string) {
	s.t.Helper()
	i := read[AccountsImport](s.do(apiCall{method: "PUT", path: "/v1/accounts" + query, key: s.admin, body: text, header: csvHeader()}).is(200))
	var lines []string
	for _, l := range i.Items {
		lines = append(lines, fmt.Sprintf("%d %s %s %s%v%s %s", l.Line, l.OperatorID, valueOrZero(l.ExternalID), l.Outcome, l.Fields, l.Column, l.Code))
	}
	return i, lines
}

func (s *testService) account(ref string) Account {
	s.t.Helper()
	return read[Account](s.get(s.admin, "/v1/accounts/"+ref).is(200))
}

func TestImportAccounts(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.do(apiCall{method: "PUT", path: "/v1/plans/global-02", key: s.admin, body: map[string]any{"coverage_bound": false}}).is(200)
	const file = `operator_id,external_id,name,email,currency,coverage,plans,contacts_billing
OP0000000050,C-50,North,North@Example.com,eur,global,global-02;global-02,a@example.com;B@example.com
` + sourceID + `,C-1,Source,,,,,
OP0000000051,C-51,x,,EUR,,,
,C-99,x,,,,,
,,x,,,,,
` + sourceID + `,C-1,Source,,,,,
` + destinationID + `,C-50,,,,,,
` + destinationID + `,,,,USD,,,
` + bystanderID + `,,,,,,nowhere,
` + bystanderID + `,,,x,,,,
`
	want := []string{
		"2 OP0000000050 C-50 created[] ",
		"3 " + sourceID + " C-1 updated[name external_id] ",
		"4 OP0000000051 C-51 refused[]operator_id missing_value",
		"5  C-99 refused[]operator_id missing_value",
		"6   refused[]operator_id missing_value",
		"7 " + sourceID + " C-1 refused[]operator_id duplicate",
		"8 " + destinationID + " C-50 refused[]external_id taken",
		"9 " + destinationID + "  refused[]operator_id duplicate",
		"10 " + bystanderID + "  refused[]plans unknown_plan",
		"11 " + bystanderID + "  refused[]email bad_value",
	}
	tried, lines := s.importAccounts("?dry_run=true", file)
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("dry run (-want +got):\n%s", diff)
	}
	s.get(s.admin, "/v1/accounts/OP0000000050").problem(404, problem.NotFound)
	done, lines := s.importAccounts("", file)
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if tried.DryRun = false; !cmp.Equal(tried, done) || done.Rows != 10 || done.Created != 1 || done.Updated != 1 || done.Refused != 8 {
		t.Errorf("%+v, dry run %+v", done, tried)
	}
	a := s.account("C-50")
	if a.OperatorID != "OP0000000050" || *a.Name != "North" || a.Email != "north@example.com" || !slices.Equal(a.Plans, []string{"global-02"}) ||
		!slices.Equal(a.Contacts.Billing, []string{"a@example.com", "b@example.com"}) {
		t.Errorf("%+v", a)
	}
	if again, lines := s.importAccounts("", file); again.Unchanged != 2 || again.Refused != 8 {
		t.Errorf("again: %q", lines)
	}
}

// Errors of rows are summed up, as those of other uploads.
func TestErrorsOfAnImportOfAccounts(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	file := "operator_id,email,currency,coverage\n"
	for i := range 30 {
		currency := "ERU"
		if i >= 20 {
			currency = fmt.Sprintf("X%02d", i)
		}
		file += fmt.Sprintf("OP00000001%02d,a%d@example.com,%s,global\n", i, i, currency)
	}
	done, lines := s.importAccounts("", file)
	if done.Refused != 30 || len(lines) != 30 || len(done.Errors) != 1 || done.MoreErrors != 0 {
		t.Fatalf("%d refused, %d lines, errors %+v", done.Refused, len(lines), done.Errors)
	}
	if e := done.Errors[0]; e.Line != 2 || e.Count != 30 || !e.Example || e.Column != "currency" || len(e.Lines) != 10 {
		t.Errorf("%+v", e)
	}
}

// A column that is absent leaves the value, and an empty one removes it. An
// account with open requests is not closed.
func TestImportAccountsByExternalID(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	s.importAccounts("", "operator_id,external_id,name,contacts_security\n"+sourceID+",C-1,Source,a@example.com\n")
	_, lines := s.importAccounts("?map=No%3Dexternal_id&map=Note%3D", "No,name,Note\nC-1,,secret\n")
	if want := []string{"2 " + sourceID + " C-1 updated[name] "}; !slices.Equal(lines, want) {
		t.Errorf("%q", lines)
	}
	if a := s.account(sourceID); a.Name != nil || a.Contacts == nil || len(a.Contacts.Security) != 1 {
		t.Errorf("%+v", a)
	}
	s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202)
	_, lines = s.importAccounts("", "external_id,standing\nC-1,closed\n")
	if want := []string{"2 " + sourceID + " C-1 refused[]standing account_in_use"}; !slices.Equal(lines, want) {
		t.Errorf("%q", lines)
	}
	s.do(apiCall{method: "PATCH", path: "/v1/accounts/C-1", key: s.admin, body: map[string]any{"standing": "closed", "open_requests": "end"}}).is(200)
	if a := s.account("ext:C-1"); a.Standing != "closed" {
		t.Errorf("%+v", a)
	}
	s.do(apiCall{method: "PUT", path: "/v1/accounts", key: s.admin, body: "operator_id,nonsense\nx,y\n", header: csvHeader()}).problem(422, problem.InvalidLines)
}
