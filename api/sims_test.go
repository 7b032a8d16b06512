package api

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

func (s *testService) importSIMs(contentType, text string) testResponse {
	s.t.Helper()
	return s.do(apiCall{method: "POST", path: "/v1/sims", key: s.admin, body: text, header: map[string]string{"Content-Type": contentType}})
}

func TestImportInEveryFormat(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	const eid = "89033023001211360000000006736112"
	csv := "\ufeffaccount,iccid,imsis,msisdns,status,plan,tags,expiration,termination_protection,group,event_handlers,speed_class,containers,imei_lock,transfer_lock,eid,lot,external_id\r\n" +
		sourceID + "," + iccid(1) + "," + imsi(1) + ";" + imsi(101) + ",+12025550101,active,local-01,\"site=north; lot = 7 \",2030-01-31T00:00:00+01:00,true,meters,a;b,fast,profile,490154203237518,true," + eid + ",box 7,HLR/1\r\n"
	if got := read[Imported](s.importSIMs("text/csv", csv).is(201)); got.Imported != 1 {
		t.Errorf("%+v", got)
	}
	sim := read[SIM](s.get(s.support, "/v1/sims/%2B12025550101").is(200))
	text := func(s string) *string { return &s }
	want := SIM{
		ICCID: iccid(1), IMSIs: []string{imsi(1), imsi(101)}, MSISDNs: []string{"12025550101"}, Account: sourceID, Since: sim.Since, UpdatedAt: sim.UpdatedAt,
		EID: text(eid), Lot: text("box 7"), ExternalID: text("HLR/1"), Status: transfer.Active, Plan: "local-01", TransferLock: true,
		Settings: Settings{
			TerminationProtection: true, Group: text("meters"), SpeedClass: text("fast"), IMEILock: text("490154203237518"),
			Tags: map[string]string{"site": "north", "lot": "7"}, EventHandlers: []string{"a", "b"}, Containers: []string{"profile"},
		},
	}
	if sim.Expiration == nil || !sim.Expiration.Equal(time.Date(2030, 1, 30, 23, 0, 0, 0, time.UTC)) {
		t.Errorf("expiration %v", sim.Expiration)
	}
	sim.Expiration = nil
	if sim.Blocked == nil || sim.Blocked.Reason != transfer.SIMLocked {
		t.Errorf("blocked by %+v", sim.Blocked)
	}
	sim.Blocked = nil
	if got, want := fmt.Sprintf("%+v", deref(sim)), fmt.Sprintf("%+v", deref(want)); got != want {
		t.Errorf("\n%s, not\n%s", got, want)
	}
	many := fmt.Sprintf(`[{"iccid":%q,"imsis":%q,"account":%q,"plan":"global-01"},{"iccid":%q,"imsis":%q,"account":%q,"plan":"global-01"}]`,
		iccid(31), imsi(31), sourceID, iccid(32), imsi(32), sourceID)
	s.importSIMs("application/json", many).is(201)
	if sim := read[SIM](s.get(s.source, "/v1/sims/"+imsi(31)).is(200)); sim.ICCID != iccid(31) || len(sim.IMSIs) != 1 {
		t.Errorf("of two SIMs on one line: %+v", sim)
	}
	row := `{"iccid":"` + iccid(2) + `","imsis":["` + imsi(2) + `","` + imsi(102) + `"],"account":"` + sourceID + `","plan":"global-01","tags":{"site":"south"},"transfer_lock":true}`
	s.importSIMs("application/x-ndjson", row+"\n").is(201)
	s.importSIMs("application/json", "["+strings.ReplaceAll(strings.ReplaceAll(row, iccid(2), iccid(3)), "001010000000", "001019000000")+"]").is(201)
	sim = read[SIM](s.get(s.source, "/v1/sims/"+imsi(102)).is(200))
	if sim.ICCID != iccid(2) || sim.Status != transfer.Ready || !sim.TransferLock || !maps.Equal(sim.Tags, map[string]string{"site": "south"}) || sim.Group != nil || len(sim.MSISDNs) != 0 {
		t.Errorf("%+v", sim)
	}
	if n := s.queryInt(`SELECT count(*) FROM sims s JOIN registrations r ON r.sim = s.id AND r.since = s.since AND r.account = s.account AND r.request IS NULL`); n != 5 {
		t.Errorf("%d SIMs have the registration that they begin with", n)
	}
}

// deref makes the pointers of a SIM comparable as text.
func deref(s SIM) any {
	type flat struct {
		SIM
		group, class, imei, eid, lot, external string
	}
	f := flat{SIM: s, group: *s.Group, class: *s.SpeedClass, imei: *s.IMEILock, eid: *s.EID, lot: *s.Lot, external: *s.ExternalID}
	f.Group, f.SpeedClass, f.IMEILock, f.EID, f.Lot, f.ExternalID = nil, nil, nil, nil, nil, nil
	return f
}

func TestImportIsRejectedAsAWhole(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	head := "iccid,imsis,account,plan,status,tags,expiration,imei_lock,transfer_lock\n"
	good := func(n int) string {
		return strings.Join([]string{iccid(n), imsi(n), sourceID, "global-01", "", "", "", "", ""}, ",") + "\n"
	}
	line := func(values ...string) string { return strings.Join(values, ",") + "\n" }
	for name, test := range map[string]struct {
		text   string
		faults []string // line column code
	}{
		"what a line shows": {
			head + good(10) +
				line("123456", imsi(11), sourceID, "global-01", "", "", "", "", "") +
				line(iccid(12), iccid(13), sourceID, "global-01", "", "", "", "", "") +
				line(iccid(14), "", "OP1", "", "gone", "x", "tomorrow", "12", "maybe"),
			[]string{
				"3 iccid bad_value", "4 imsis bad_value", "5 imsis missing_value", "5 account bad_value", "5 status bad_value",
				"5 plan missing_value", "5 tags bad_value", "5 expiration bad_value", "5 imei_lock bad_value", "5 transfer_lock bad_value",
			},
		},
		"what the database shows": {
			head + good(10) +
				line(iccid(11), imsi(11), "OP0000000099", "global-01", "", "", "", "", "") +
				line(iccid(12), imsi(12), sourceID, "nowhere", "", "", "", "", "") +
				line(iccid(1), imsi(1), sourceID, "global-01", "", "", "", "", "") +
				line(iccid(13), imsi(10), sourceID, "global-01", "", "", "", "", "") +
				line(iccid(14), imsi(14), closedID, "global-01", "", "", "", "", ""),
			[]string{"3 account unknown_account", "4 plan unknown_plan", "5 iccid taken", "5 imsis taken", "6 imsis duplicate", "7 account account_closed"},
		},
		"an external id twice": {
			"iccid,imsis,account,plan,external_id\n" +
				line(iccid(10), imsi(10), sourceID, "global-01", "a") + line(iccid(11), imsi(11), sourceID, "global-01", "a"),
			[]string{"3 external_id duplicate"},
		},
		"no EID": {
			"iccid,imsis,account,plan,eid\n" + line(iccid(10), imsi(10), sourceID, "global-01", iccid(10)),
			[]string{"2 eid bad_value"},
		},
		"one identifier twice in a line": {
			head + line(iccid(10), imsi(10)+";"+imsi(10), sourceID, "global-01", "", "", "", "", ""),
			[]string{"2 imsis duplicate"},
		},
		"a tag twice": {
			head + line(iccid(10), imsi(10), sourceID, "global-01", "", "a=1;b=2;a=3", "", "", ""),
			[]string{"2 tags bad_value"},
		},
		"a missing column": {"iccid,imsis,account\n", []string{"1 plan missing_column"}},
	} {
		p := s.importSIMs("text/csv", test.text).problem(422, problem.InvalidLines)
		var faults []string
		for _, f := range p.Errors {
			faults = append(faults, fmt.Sprintf("%d %s %s", f.Line, f.Column, f.Code))
			if f.Message == "" {
				t.Errorf("%s: no message: %+v", name, f)
			}
		}
		if !slices.Equal(faults, test.faults) {
			t.Errorf("%s: %q, not %q", name, faults, test.faults)
		}
	}
	text := head
	for i := range 6 {
		text += good(10+i) + line(iccid(20+i), imsi(10+i), sourceID, "global-01", "", "", "", "", "")
	}
	text += line(iccid(30), imsi(30), sourceID, "nowhere", "", "", "", "", "")
	many := s.importSIMs("text/csv", text).problem(422, problem.InvalidLines)
	if len(many.Errors) != 2 || many.Errors[1].Code != "unknown_plan" {
		t.Fatalf("errors of two kinds: %+v", many.Errors)
	}
	if e := many.Errors[0]; !e.Example || e.Count != 6 || !slices.Equal(e.Lines, []int{3, 5, 7, 9, 11, 13}) || !strings.Contains(e.Message, imsi(10)) {
		t.Errorf("six identifiers that are repeated: %+v", e)
	}
	object := func(n int, plan string) string {
		return fmt.Sprintf(`{"iccid":%q,"imsis":[%q],"account":%q,"plan":%q}`, iccid(n), imsi(n), sourceID, plan)
	}
	p := s.importSIMs("application/json", "["+object(20, "global-01")+","+object(21, "nowhere")+"]").problem(422, problem.InvalidLines)
	if len(p.Errors) != 1 || p.Errors[0].Row != 2 || p.Errors[0].Line != 1 {
		t.Errorf("%+v", p)
	}
	withTags := func(tags string) string {
		return strings.TrimSuffix(object(22, "global-01"), "}") + `,"tags":` + tags + "}"
	}
	for tags, want := range map[string]string{`{"a":"1","a":"2"}`: "1 tags bad_value", `{"a":"1","\u0061":"2"}`: "1 tags bad_value", `{"a":"\ud800"}`: "1  not_utf8"} {
		for contentType, text := range map[string]string{typeNDJSON: withTags(tags), typeJSON: "[" + withTags(tags) + "]"} {
			p := s.importSIMs(contentType, text).problem(422, problem.InvalidLines)
			if got := fmt.Sprintf("%d %s %s", p.Errors[0].Line, p.Errors[0].Column, p.Errors[0].Code); len(p.Errors) != 1 || got != want {
				t.Errorf("%s as %s: %+v", tags, contentType, p.Errors)
			}
		}
	}
	s.importSIMs("image/png", "x").problem(415, problem.UnsupportedMediaType)
	if n := s.queryInt(`SELECT (SELECT count(*) FROM sims) + (SELECT count(*) FROM identifiers) + (SELECT count(*) FROM registrations)`); n != 5 {
		t.Errorf("%d rows, not the 5 of before", n)
	}
}

func TestImportLinksOpenSessions(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	session := `INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime, acctstoptime) VALUES ($1, $1, $2, '127.0.0.1', clock_timestamp(), $3)`
	s.exec(session, "open", imsi(1)+"@iot", nil)
	s.exec(session, "over", imsi(2), time.Now())
	s.exec(session, "strange", "001019999999999", nil)
	s.sims(2, transfer.Ready)
	for n, want := range map[int]struct {
		online bool
		status transfer.Status
	}{1: {true, transfer.Active}, 2: {false, transfer.Ready}} {
		if sim := read[SIM](s.get(s.source, "/v1/sims/"+imsi(n)).is(200)); sim.Online != want.online || sim.Status != want.status {
			t.Errorf("SIM %d: %+v", n, sim)
		}
	}
}

func TestOwnerChangesSettings(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	patch := func(key string, body any) testResponse {
		return s.do(apiCall{method: "PATCH", path: "/v1/sims/" + imsi(1), key: key, body: body})
	}
	type m = map[string]any
	sim := read[SIM](patch(s.source, m{"transfer_lock": true, "tags": m{"lot": "8", "site": nil}, "group": "g"}).is(200))
	if !sim.TransferLock || !maps.Equal(sim.Tags, map[string]string{"lot": "8"}) || *sim.Group != "g" {
		t.Errorf("%+v", sim)
	}
	if sim = read[SIM](patch(s.source, m{"group": ""}).is(200)); sim.Group != nil || !sim.TransferLock || len(sim.Tags) != 1 {
		t.Errorf("%+v", sim)
	}
	for _, step := range []struct {
		change any
		tags   map[string]string
		group  string
	}{
		{m{"tags": m{"site": "south"}, "group": "g"}, map[string]string{"lot": "8", "site": "south"}, "g"},
		{m{"tags": m{}, "group": " \u200b "}, map[string]string{"lot": "8", "site": "south"}, ""},
		{m{"tags": m{"lot": nil, " color ": " red "}}, map[string]string{"site": "south", "color": "red"}, ""},
		{m{"group": "h"}, map[string]string{"site": "south", "color": "red"}, "h"},
		{m{"tags": m{"none": nil}, "group": nil}, map[string]string{"site": "south", "color": "red"}, ""},
		{m{"tags": nil}, map[string]string{}, ""},
	} {
		for range 2 { // the second time changes nothing
			sim = read[SIM](patch(s.source, step.change).is(200))
			if group := valueOrZero(sim.Group); !maps.Equal(sim.Tags, step.tags) || group != step.group {
				t.Errorf("after %v: tags %v, group %q", step.change, sim.Tags, group)
			}
		}
	}
	for at, change := range map[string]m{
		"body.transfer_lock": {"transfer_lock": nil},
		"body.status":        {"status": nil},
		"body.group":         {"group": "no\u200brth"},
		"body.tags.\u3164":   {"tags": m{"\u3164": "x"}},
		"body.tags.a":        {"tags": m{"a": nil, " a": "x"}},
		"body.tags.b":        {"tags": m{"b": "x\ny"}},
		"body.tags.a=b":      {"tags": m{"a=b": "x"}}, // no import and no search could name it
		"body.tags.a;b":      {"tags": m{"a;b": "x"}},
		"body.tags.d":        {"tags": m{"d": "x;y"}},
		"body.tags.c":        {"tags": m{"c": "x", " c": "x"}},
		"body.tags.site":     {"tags": m{"site": strings.Repeat("x", transfer.MaxTagValue+1)}},
	} {
		p := patch(s.source, change).problem(422, problem.Invalid)
		if len(p.Errors) != 1 || p.Errors[0].Location != at {
			t.Errorf("%v: %+v", change, p.Errors)
		}
	}
	for _, change := range []m{{"email": nil}, {"coverage": nil}, {"standing": nil}} {
		s.do(apiCall{method: "PATCH", path: "/v1/accounts/" + sourceID, key: s.admin, body: change}).problem(422, problem.Invalid)
	}
	for i := range transfer.MaxTags + 1 {
		a := patch(s.source, m{"tags": m{fmt.Sprint("tag", i): "x"}})
		if a.is(map[bool]int{true: 200, false: 422}[i < transfer.MaxTags]); i == transfer.MaxTags {
			if p := a.problem(422, problem.Invalid); p.Errors[0].Location != "body.tags" {
				t.Errorf("%+v", p.Errors)
			}
		}
	}
	if sim = read[SIM](patch(s.support, m{"status": "suspended"}).is(200)); sim.Status != transfer.Suspended || !sim.TransferLock {
		t.Errorf("%+v", sim)
	}
	patch(s.source, m{"status": "active"}).problem(403, problem.Forbidden)
	patch(s.support, m{"transfer_lock": false}).problem(403, problem.Forbidden)
	patch(s.destination, m{"transfer_lock": false}).problem(404, problem.NotFound)
	patch(s.support, m{"status": "lost"}).problem(422, problem.Invalid)
	patch(s.source, m{"plan": "x"}).problem(403, problem.Forbidden)
	patch(s.source, m{"colour": "x"}).problem(422, problem.Invalid)
	patch(s.source, m{"tags": m{"a": 1}}).problem(422, problem.Invalid)
	s.get(s.source, "/v1/sims/nonsense").problem(404, problem.NotFound)
}

// An owner's edit that waits for a hand-over must not change what the new
// owner has.
func TestUpdateThatWaitedForATransferFindsNoSIM(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	end := s.holdTx(`UPDATE sims SET account = (SELECT id FROM accounts WHERE operator_id = $1)`, destinationID)
	done := make(chan testResponse)
	go func() {
		done <- s.do(apiCall{method: "PATCH", path: "/v1/sims/" + imsi(1), key: s.source, body: map[string]any{"group": "mine"}})
	}()
	for s.queryInt(`SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`) == 0 {
		if t.Context().Err() != nil {
			t.Fatal("the edit did not wait")
		}
	}
	end(true)
	(<-done).problem(404, problem.NotFound)
}

func TestPlans(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	put := func(name string, body any) testResponse {
		return s.do(apiCall{method: "PUT", path: "/v1/plans/" + name, key: s.admin, body: body})
	}
	put("global-02", map[string]any{"coverage_bound": false}).is(200)
	put("global-02", map[string]any{"coverage_bound": true}).is(200)
	put("global-02", map[string]any{}).problem(422, problem.Invalid)
	put("a%20b", map[string]any{"coverage_bound": true}).problem(422, problem.Invalid)
	list := read[List[Plan]](s.get(s.source, "/v1/plans").is(200))
	none := []transfer.Money{}
	equal(t, list.Items, []Plan{{"global-01", false, none}, {"global-02", true, none}, {"local-01", true, none}})
}

// An account sees what a plan costs in its own currency.
func TestPlanPrices(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	type m = map[string]any
	type a = []any
	put := func(prices any) testResponse {
		body := m{"coverage_bound": false}
		if prices != nil {
			body["monthly_prices"] = prices
		}
		return s.do(apiCall{method: "PUT", path: "/v1/plans/global-02", key: s.admin, body: body})
	}
	prices := func(key string) string {
		t.Helper()
		text := ""
		for _, price := range read[Plan](s.get(key, "/v1/plans/global-02").is(200)).MonthlyPrices {
			text += price.String() + ","
		}
		return text
	}
	put(a{m{"minor": 175, "currency": "eur"}, m{"amount": "210", "currency": "JPY"}, m{"amount": "1.9", "minor": 190, "currency": "USD"}}).is(200)
	for key, want := range map[string]string{
		s.admin: "1.75 EUR,210 JPY,1.90 USD,", s.support: "1.75 EUR,210 JPY,1.90 USD,", s.source: "1.75 EUR,", s.destination: "1.75 EUR,",
	} {
		if got := prices(key); got != want {
			t.Errorf("prices are %q, not %q", got, want)
		}
	}
	put(nil).is(200)
	equal(t, prices(s.admin), "1.75 EUR,210 JPY,1.90 USD,")
	put(a{m{"minor": 180, "currency": "EUR"}, m{"minor": 0, "currency": "CHF"}}).is(200)
	equal(t, prices(s.admin), "0.00 CHF,1.80 EUR,")
	for _, wrong := range []any{
		a{m{"minor": 180}},
		a{m{"currency": "EUR"}},
		a{m{"minor": -1, "currency": "EUR"}},
		a{m{"minor": 1, "currency": "XAU"}},
		a{m{"minor": 1, "currency": "EUR"}, m{"minor": 1, "currency": "EUR"}},
		a{m{"amount": "1.755", "currency": "EUR"}},
	} {
		put(wrong).problem(422, problem.Invalid)
	}
	equal(t, prices(s.admin), "0.00 CHF,1.80 EUR,")
	entries := read[List[AuditEntry]](s.get(s.admin, "/v1/audit?action=plan.put&limit=1").is(200)).Items
	equal(t, entries[0].After, m{"monthly_prices": a{m{"amount": "0.00", "minor": 0.0, "currency": "CHF"}, m{"amount": "1.80", "minor": 180.0, "currency": "EUR"}}})
	put(a{}).is(200)
	equal(t, prices(s.admin), "")
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	type m = map[string]any
	a := m{"operator_id": " op0000000009", "email": "Nine@Example.com", "currency": "jpy", "coverage": "global"}
	made := read[Account](s.post(s.admin, "/v1/accounts", a).is(201))
	if made.OperatorID != "OP0000000009" || made.Email != "nine@example.com" || made.Currency != "JPY" || made.Standing != storage.StandingOpen {
		t.Errorf("%+v", made)
	}
	if p := s.post(s.admin, "/v1/accounts", a).problem(409, problem.Exists); !strings.HasPrefix(p.Detail, "account OP0000000009 already exists") {
		t.Errorf("%s", p.Detail)
	}
	p := s.post(s.admin, "/v1/accounts", m{"operator_id": "9", "email": "x", "currency": "?", "coverage": "global"}).problem(422, problem.Invalid)
	if len(p.Errors) != 3 {
		t.Errorf("%+v", p)
	}
	unknown := m{"operator_id": "OP0000000010", "email": "ten@example.com", "currency": "ERU", "coverage": "global"}
	s.post(s.admin, "/v1/accounts", unknown).problem(422, problem.Invalid)
	patch := func(id string, body any) testResponse {
		return s.do(apiCall{method: "PATCH", path: "/v1/accounts/" + id, key: s.admin, body: body})
	}
	changed := read[Account](patch("OP0000000009", m{"email": "Other@example.com", "standing": "closed"}).is(200))
	if changed.Email != "other@example.com" || changed.Standing != storage.StandingClosed || changed.Coverage != "global" {
		t.Errorf("%+v", changed)
	}
	patch("OP0000000009", m{"email": "x"}).problem(422, problem.Invalid)
	patch("OP0000000009", m{"currency": "EUR"}).problem(422, problem.Invalid)
	patch("OP0000000099", m{"coverage": "x"}).problem(404, problem.NotFound)
	patch("x", m{"coverage": "x"}).problem(404, problem.NotFound)
	var ids []string
	for cursor := ""; ; {
		page := read[List[Account]](s.get(s.support, "/v1/accounts?limit=2&cursor="+cursor).is(200))
		for _, a := range page.Items {
			ids = append(ids, string(a.OperatorID))
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if want := []string{sourceID, destinationID, bystanderID, closedID, "OP0000000009"}; !slices.Equal(ids, want) {
		t.Errorf("%q", ids)
	}
}

func TestFees(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	type m = map[string]any
	now := read[Fee](s.post(s.admin, "/v1/fees", m{"method": "support_assisted", "fee": m{"currency": "eur", "minor": 300}}).is(201))
	if *now.Fee != (transfer.Money{Minor: 300, Currency: "EUR"}) || !now.Current {
		t.Errorf("%+v", now)
	}
	later := m{"method": "support_assisted", "fee": m{"currency": "EUR", "minor": 400}, "valid_from": time.Now().Add(time.Hour).Format(time.RFC3339Nano)}
	if f := read[Fee](s.post(s.admin, "/v1/fees", later).is(201)); f.Current {
		t.Errorf("%+v", f)
	}
	if p := s.post(s.admin, "/v1/fees", later).problem(409, problem.Exists); !strings.HasPrefix(p.Detail, "a fee for support_assisted in ") {
		t.Errorf("%s", p.Detail)
	}
	for _, bad := range []m{
		{"method": "support_assisted", "fee": m{"currency": "EUR", "minor": 1}, "valid_from": time.Now().Add(-time.Minute).Format(time.RFC3339)},
		{"method": "self_service", "fee": m{"currency": "EUR", "minor": 1}},
		{"method": "gift", "fee": m{"currency": "EUR", "minor": 1}},
		{"method": "support_assisted", "fee": m{"currency": "EURO", "minor": 1}},
		{"method": "support_assisted", "fee": m{"currency": "ERU", "minor": 1}},
		{"method": "support_assisted", "fee": m{"currency": "EUR", "minor": -1}},
		{"method": "support_assisted", "fee": m{"currency": "EUR", "minor": 1.5}},
		{"method": "support_assisted", "fee": m{"currency": "EUR", "minor": 1}, "valid_from": "tomorrow"},
	} {
		s.post(s.admin, "/v1/fees", bad).problem(422, problem.Invalid)
	}
	var current []int64
	for _, f := range read[List[Fee]](s.get(s.admin, "/v1/fees").is(200)).Items {
		if f.Current {
			current = append(current, f.Fee.Minor)
		}
	}
	if !slices.Equal(current, []int64{0, 300}) {
		t.Errorf("current amounts %v", current)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	type m = map[string]any
	for _, bad := range []m{
		{"role": "account", "name": "x"},
		{"role": "account", "account": "x", "name": "x"},
		{"role": "account", "account": "OP0000000099", "name": "x"},
		{"role": "admin", "account": sourceID, "name": "x"},
		{"role": "root", "name": "x"},
		{"role": "admin"},
		{"role": "admin", "name": ""},
	} {
		s.post(s.admin, "/v1/keys", bad).problem(422, problem.Invalid)
	}
	k := read[Key](s.post(s.admin, "/v1/keys", m{"role": "account", "account": sourceID, "name": "meter reader"}).is(201))
	if !strings.HasPrefix(k.Token, "st_account_") || k.Account == nil || *k.Account != sourceID || k.LastUsedAt != nil {
		t.Errorf("%+v", k)
	}
	s.get(k.Token, "/v1/sims").is(200)
	list := s.get(s.admin, "/v1/keys?limit=100").is(200)
	if strings.Contains(list.text, k.Token) {
		t.Error("a list shows a key")
	}
	find := func() (found Key) {
		for _, listed := range read[List[Key]](s.get(s.admin, "/v1/keys?limit=100").is(200)).Items {
			if listed.ID == k.ID {
				found = listed
			}
		}
		return found
	}
	if used := find(); used.LastUsedAt == nil || !strings.HasPrefix(k.Token, strings.Split(used.Hint, "…")[0]) {
		t.Errorf("%+v", used)
	}
	path := "/v1/keys/" + itoa(k.ID)
	for range 2 {
		s.do(apiCall{method: "DELETE", path: path, key: s.admin}).is(204)
	}
	s.get(k.Token, "/v1/sims").problem(401, problem.Unauthenticated)
	if find().RevokedAt == nil {
		t.Error("not shown as revoked")
	}
	s.do(apiCall{method: "DELETE", path: "/v1/keys/999999", key: s.admin}).problem(404, problem.NotFound)
}
