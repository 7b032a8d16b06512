package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

type obj = map[string]any

// check fails the test for every broken invariant except those of a group.
func (s *testService) check(except ...int) {
	s.t.Helper()
	findings, err := s.db.Check(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range findings {
		if f.Violations > 0 && !slices.Contains(except, f.Number) {
			s.t.Errorf("%s: %d violations:\n%s", f.Invariant, f.Violations, strings.Join(f.Examples, "\n"))
		}
	}
}

func (s *testService) patchSIM(key, sim string, body obj) testResponse {
	s.t.Helper()
	return s.do(apiCall{method: "PATCH", path: "/v1/sims/" + sim, key: key, body: body})
}

func (s *testService) putNumber(key, sim, number string, body obj) testResponse {
	s.t.Helper()
	return s.do(apiCall{method: "PUT", path: "/v1/sims/" + sim + "/identifiers/" + number, key: key, body: body})
}

func (s *testService) removeNumber(key, sim, number string) testResponse {
	s.t.Helper()
	return s.do(apiCall{method: "DELETE", path: "/v1/sims/" + sim + "/identifiers/" + number, key: key})
}

func (s *testService) simNow(sim string) SIM {
	s.t.Helper()
	return read[SIM](s.get(s.support, "/v1/sims/"+sim).is(200))
}

func (s *testService) history(sim string) SIMHistory {
	s.t.Helper()
	return read[SIMHistory](s.get(s.support, "/v1/support/sims/"+sim).is(200))
}

// changeKinds lists the kinds of changes that are on record for a SIM, in order.
func (s *testService) changeKinds(sim string) []string {
	s.t.Helper()
	var kinds []string
	if err := s.db.Pool().SelectContext(s.t.Context(), &kinds, `
		SELECT c.kind FROM changes c JOIN sims s ON s.id = ANY (c.sims) WHERE s.iccid = $1 ORDER BY c.id`, sim); err != nil {
		s.t.Fatal(err)
	}
	return kinds
}

// Each field of the inventory is set by support, each setting by the owner.
func TestUpdateEveryField(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Active)
	for _, c := range []struct {
		owner bool
		field string
		value any
		want  func(SIM) any
		empty any
	}{
		{true, "speed_class", "fast", func(v SIM) any { return valueOrZero(v.SpeedClass) }, ""},
		{true, "imei_lock", "49-015420-323751-8", func(v SIM) any {
			return strings.Replace(valueOrZero(v.IMEILock), "490154203237518", "49-015420-323751-8", 1)
		}, ""},
		{true, "expiration", "2030-01-31T00:00:00Z", func(v SIM) any { return timeOrEmpty(v.Expiration) }, ""},
		{true, "group", "meters", func(v SIM) any { return valueOrZero(v.Group) }, ""},
		{false, "eid", "89049032000001000000000000000001", func(v SIM) any { return valueOrZero(v.EID) }, ""},
		{false, "lot", "box-7", func(v SIM) any { return valueOrZero(v.Lot) }, ""},
		{false, "external_id", "X-1", func(v SIM) any { return valueOrZero(v.ExternalID) }, ""},
		{false, "plan", "local-01", func(v SIM) any { return v.Plan }, nil},
		{false, "status", "standby", func(v SIM) any { return string(v.Status) }, nil},
	} {
		may, mayNot := s.support, s.source
		if c.owner {
			may, mayNot = s.source, s.support
		}
		s.patchSIM(mayNot, iccid(1), obj{c.field: c.value}).problem(403, problem.Forbidden)
		s.patchSIM(s.destination, iccid(1), obj{"group": "x"}).problem(404, problem.NotFound)
		if v := read[SIM](s.patchSIM(may, iccid(1), obj{c.field: c.value}).is(200)); c.want(v) != c.value {
			t.Errorf("%s is %v", c.field, c.want(v))
		}
		before := len(s.traces())
		s.patchSIM(may, iccid(1), obj{c.field: c.value}).is(200)
		if got := len(s.traces()); got != before {
			t.Errorf("setting %s to what it is leaves a trace", c.field)
		}
		if c.empty == nil {
			continue
		}
		if v := read[SIM](s.patchSIM(may, iccid(1), obj{c.field: nil}).is(200)); c.want(v) != c.empty {
			t.Errorf("%s is %v after it was removed", c.field, c.want(v))
		}
	}
	if v := read[SIM](s.patchSIM(s.source, iccid(1), obj{"event_handlers": []string{"a", "b"}}).is(200)); !slices.Equal(v.EventHandlers, []string{"a", "b"}) {
		t.Errorf("%+v", v.EventHandlers)
	}
	s.patchSIM(s.support, iccid(1), obj{"plan": "nope"}).problem(422, problem.Invalid)
	s.patchSIM(s.support, iccid(2), obj{"external_id": "X-2"}).is(200)
	if p := s.patchSIM(s.support, iccid(1), obj{"external_id": "X-2"}).problem(409, problem.IdentifierTaken); !strings.Contains(p.Detail, iccid(2)) {
		t.Error(p.Detail)
	}
	s.patchSIM(s.support, iccid(1), obj{"eid": "89049032000001000000000000000001", "lot": "box-7"}).is(200)
	for query, want := range map[string]int{"lot=box-7": 1, "lot=box-8": 0, "eid=8904-9032000001000000000000000001": 1, "external_id=X-2": 1, "external_id=X-1": 0, "lot=box-7&status=standby": 1} {
		if got := len(read[List[SIM]](s.get(s.support, "/v1/sims?"+query).is(200)).Items); got != want {
			t.Errorf("%s finds %d SIMs", query, got)
		}
		s.get(s.support, "/v1/sims?eid=1").problem(422, problem.Invalid)
	}
	s.check()
}

func timeOrEmpty(at *time.Time) string {
	if at == nil {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

func TestNumbersOfASIM(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(3, transfer.Active)
	s.post(s.admin, "/v1/sims/"+iccid(3)+"/owner-corrections", obj{"account": destinationID, "reason": "sold, CASE-0"}).is(200)
	const number = "12025550101"
	msisdn := obj{"kind": "msisdn"}
	if v := read[SIM](s.putNumber(s.support, iccid(1), "+"+number, msisdn).is(200)); !slices.Equal(v.MSISDNs, []string{number}) {
		t.Errorf("%+v", v)
	}
	if v := read[SIM](s.putNumber(s.support, iccid(1), number, msisdn).is(200)); len(v.MSISDNs) != 1 {
		t.Errorf("%+v", v)
	}
	equal(t, s.changeKinds(iccid(1)), []string{"created", "identifiers_changed"})
	p := s.putNumber(s.support, iccid(2), number, msisdn).problem(409, problem.IdentifierTaken)
	if !strings.Contains(p.Detail, iccid(1)) || !strings.Contains(p.Detail, sourceID) {
		t.Error(p.Detail)
	}
	s.putNumber(s.support, iccid(2), number, obj{"kind": "msisdn", "from": iccid(3)}).problem(409, problem.IdentifierTaken)
	s.putNumber(s.support, iccid(2), "12025550199", obj{"kind": "msisdn", "from": iccid(1)}).problem(422, problem.Invalid)
	s.putNumber(s.support, iccid(2), number, obj{"kind": "msisdn", "from": iccid(1)}).is(200)
	if v := s.simNow(iccid(1)); len(v.MSISDNs) != 0 {
		t.Errorf("%+v", v)
	}
	if v := s.simNow(number); v.ICCID != iccid(2) {
		t.Errorf("%+v", v)
	}
	if h := s.history(iccid(1)); len(h.Former) != 1 || h.Former[0].Identifier != number || h.Former[0].Kind != storage.KindMSISDN {
		t.Errorf("%+v", h.Former)
	}
	s.putNumber(s.support, iccid(3), number, obj{"kind": "msisdn", "from": iccid(2)}).problem(422, problem.Invalid)
	s.putNumber(s.support, iccid(3), number, obj{"kind": "msisdn", "from": iccid(2), "reason": "sold, CASE-1"}).is(200)
	s.putNumber(s.support, iccid(1), imsi(2), obj{"kind": "imsi", "from": iccid(2)}).problem(409, problem.IdentifierRequired)
	s.removeNumber(s.support, iccid(2), imsi(2)).problem(409, problem.IdentifierRequired)
	s.removeNumber(s.support, iccid(2), iccid(2)).problem(409, problem.IdentifierRequired)
	s.removeNumber(s.support, iccid(2), number).problem(404, problem.NotFound)
	s.putNumber(s.support, iccid(2), imsi(22), obj{"kind": "imsi"}).is(200)
	s.removeNumber(s.support, imsi(22), imsi(2)).is(204)
	s.removeNumber(s.support, number, number).is(204)
	s.get(s.support, "/v1/sims/"+number).problem(404, problem.NotFound)
	if h := s.history(number); h.SIM.ICCID != iccid(3) {
		t.Errorf("the number names %s in the past", h.SIM.ICCID)
	}
	s.patchSIM(s.support, iccid(1), obj{"status": "terminated"}).is(200)
	s.putNumber(s.support, iccid(1), number, msisdn).problem(409, problem.SIMStatus)
	s.putNumber(s.source, iccid(2), number, msisdn).problem(403, problem.Forbidden)
	s.check()
}

func TestSwap(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(4, transfer.Ready)
	const number = "12025550101"
	s.putNumber(s.support, iccid(1), number, obj{"kind": "msisdn"}).is(200)
	s.patchSIM(s.support, iccid(1), obj{"status": "active", "plan": "local-01", "lot": "box-1", "external_id": "X-1"}).is(200)
	s.patchSIM(s.source, iccid(1), obj{"group": "meters", "termination_protection": true, "transfer_lock": true}).is(200)
	s.exec(`INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime) VALUES ('1', '1', $1, '192.0.2.1', clock_timestamp())`, imsi(1))
	swap := func(sim string, body obj) testResponse {
		t.Helper()
		return s.post(s.support, "/v1/sims/"+sim+"/swap", body)
	}
	swap(iccid(1), obj{"iccid": iccid(50), "reason": "damaged"}).problem(422, problem.Invalid)
	swap(iccid(1), obj{"iccid": iccid(50), "imsis": []string{imsi(2)}, "reason": "damaged"}).problem(422, problem.Invalid)
	swap(iccid(1), obj{"iccid": iccid(1), "reason": "damaged"}).problem(422, problem.Invalid)
	swap(iccid(1), obj{"iccid": iccid(2), "imsis": []string{imsi(3)}, "reason": "damaged"}).problem(422, problem.Invalid)
	swap(iccid(1), obj{"iccid": iccid(50), "imsis": []string{imsi(50), imsi(50)}, "reason": "damaged"}).problem(422, problem.Invalid)
	both := read[SwappedSIMs](swap(number, obj{"iccid": iccid(50), "imsis": []string{imsi(50)}, "reason": "damaged"}).is(200))
	old, card := both.Old, both.New
	if old.Status != transfer.Terminated || len(old.MSISDNs) != 0 || !slices.Equal(old.IMSIs, []string{imsi(1)}) || valueOrZero(old.ExternalID) != "X-1" {
		t.Errorf("the old card: %+v", old)
	}
	if card.Status != transfer.Active || card.Plan != "local-01" || !slices.Equal(card.MSISDNs, []string{number}) || !slices.Equal(card.IMSIs, []string{imsi(50)}) ||
		valueOrZero(card.Group) != "meters" || !card.TerminationProtection || !card.TransferLock || card.Account != sourceID || card.Lot != nil {
		t.Errorf("the new card: %+v", card)
	}
	if n := s.queryInt(`SELECT count(*) FROM work WHERE kind = 'drop_stray'`); n != 1 {
		t.Errorf("%d sessions are disconnected", n)
	}
	swap(iccid(1), obj{"iccid": iccid(2), "reason": "again"}).problem(409, problem.SIMStatus)
	s.patchSIM(s.support, iccid(3), obj{"status": "active"}).is(200)
	swap(iccid(50), obj{"iccid": iccid(3), "reason": "used"}).problem(409, problem.SIMStatus)
	swap(iccid(50), obj{"iccid": iccid(2), "imsis": []string{imsi(2)}, "eid": "89049032000001000000000000000001", "reason": "again"}).is(200)
	if v := s.simNow(number); v.ICCID != iccid(2) || v.Status != transfer.Active || v.EID == nil {
		t.Errorf("%+v", v)
	}
	for _, sim := range []string{iccid(1), iccid(50), iccid(2)} {
		swaps := s.history(sim).Swaps
		if len(swaps) != 2 || swaps[0].Old != iccid(50) || swaps[0].New != iccid(2) || swaps[1].Old != iccid(1) || swaps[1].New != iccid(50) {
			t.Errorf("the history of %s has the swaps %+v", sim, swaps)
		}
	}
	equal(t, s.changeKinds(iccid(50)), []string{"created", "status_changed", "swapped", "status_changed", "swapped"})
	changed := s.history(iccid(50)).Changes
	for i := range changed {
		changed[i].At = time.Time{}
	}
	equal(t, changed, []ChangedValue{{Field: "status", From: "active", To: "terminated"}, {Field: "status", From: "ready", To: "active"}})
	for sim, why := range map[string]string{iccid(1): "damaged", iccid(2): "again"} {
		entries := read[List[AuditEntry]](s.get(s.support, "/v1/audit?action=sim.swap&sim="+sim).is(200)).Items
		if len(entries) != 1 || *entries[0].Why != why {
			t.Errorf("the audit trail of %s: %+v", sim, entries)
		}
	}
	s.post(s.admin, "/v1/sims/"+iccid(4)+"/owner-corrections", obj{"account": destinationID, "reason": "x"}).is(200)
	swap(iccid(2), obj{"iccid": iccid(4), "reason": "x"}).problem(422, problem.Invalid)
	s.post(s.source, "/v1/sims/"+iccid(2)+"/swap", obj{"iccid": iccid(51), "imsis": []string{imsi(51)}, "reason": "x"}).problem(403, problem.Forbidden)
	s.check()
}

func TestRetire(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(3, transfer.Active)
	retire := func(key, sim string) testResponse {
		t.Helper()
		return s.post(key, "/v1/sims/"+sim+"/retire", obj{"reason": "imported twice"})
	}
	s.patchSIM(s.support, iccid(1), obj{"external_id": "X-1"}).is(200)
	s.exec(`INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime) VALUES ('1', '1', $1, '192.0.2.1', clock_timestamp())`, imsi(1))
	retire(s.support, iccid(1)).problem(403, problem.Forbidden)
	s.patchSIM(s.source, iccid(1), obj{"termination_protection": true}).is(200)
	retire(s.admin, iccid(1)).problem(409, problem.SIMStatus)
	s.patchSIM(s.source, iccid(1), obj{"termination_protection": false}).is(200)
	before := time.Now()
	if v := read[SIM](retire(s.admin, imsi(1)).is(200)); v.Status != transfer.Terminated || len(v.IMSIs) != 0 || v.RetiredAt == nil || v.ExternalID != nil {
		t.Errorf("%+v", v)
	}
	s.get(s.support, "/v1/sims/"+iccid(1)).problem(404, problem.NotFound)
	if list := read[List[SIM]](s.get(s.source, "/v1/sims").is(200)).Items; len(list) != 2 {
		t.Errorf("the account lists %d SIMs", len(list))
	}
	if h := s.history(imsi(1)); h.SIM.ICCID != iccid(1) || h.SIM.RetiredAt == nil || len(h.Former) < 2 {
		t.Errorf("%+v", h)
	}
	csv := "iccid,imsis,account,plan,external_id\n" + iccid(1) + "," + imsi(1) + "," + destinationID + ",global-01,X-1\n"
	s.do(apiCall{method: "POST", path: "/v1/sims", key: s.admin, body: csv, header: csvHeader()}).is(201)
	if v := s.simNow(iccid(1)); v.Account != destinationID || !v.Online {
		t.Errorf("the right SIM: %+v", v)
	}
	// The feed tells the two SIMs with the ICCID apart, and ends the wrong one first.
	var list []string
	ids := map[int64]bool{}
	feed, _ := s.changes("")
	for _, c := range feed {
		if c.ICCID == iccid(1) {
			list = append(list, string(c.Kind)+" "+string(c.To.Account))
			ids[c.SIMID] = true
		}
		if c.Kind == transfer.SIMCreated && (c.Status == nil || c.Status.From != "" || *c.Plan != (ChangedText{"", "global-01"}) || c.Settings == nil) {
			t.Errorf("created: %+v", c)
		}
	}
	equal(t, list, []string{"created " + sourceID, "identifiers_changed " + sourceID, "status_changed " + sourceID, "retired " + sourceID, "created " + destinationID, "status_changed " + destinationID})
	if len(ids) != 2 || feed[0].Status.To != "active" || feed[0].Settings.Tags["site"] != "north" {
		t.Errorf("%d SIMs with the ICCID %s; %+v", len(ids), iccid(1), feed[0])
	}
	exported := s.do(apiCall{method: "GET", path: "/v1/exports/sims", key: s.admin, header: map[string]string{"Accept": "text/csv"}}).is(200)
	if n := strings.Count(exported.text, "\n"+iccid(1)+","); n != 1 || exported.header.Get("Simtransfer-Rows") != "3" {
		t.Errorf("the export has the SIM %d times: %s", n, exported.text)
	}
	past := read[SIMHistory](s.get(s.support, "/v1/support/sims/"+iccid(1)+"?at="+before.UTC().Format(time.RFC3339Nano)).is(200))
	if past.SIM.RetiredAt == nil || past.SIM.Account != sourceID || s.history(iccid(1)).SIM.Account != destinationID {
		t.Errorf("%+v", past.SIM)
	}
	if entries := read[List[AuditEntry]](s.get(s.support, "/v1/audit?action=sim.retire&sim="+iccid(1)).is(200)).Items; len(entries) != 1 || entries[0].Before["external_id"] != "X-1" {
		t.Errorf("%+v", entries)
	}
	s.transferred(iccid(2))
	retire(s.admin, iccid(2)).problem(409, problem.SIMHasHistory)
	s.check()
}

// transferred transfers an active SIM to the destination.
func (s *testService) transferred(sim string) {
	s.t.Helper()
	path := s.awaiting(sim)
	s.post(s.destination, path+"/accept", nil).is(202)
	s.work()
}

// awaiting brings a request for SIMs to the state awaiting_acceptance.
func (s *testService) awaiting(sims ...string) string {
	s.t.Helper()
	path := s.post(s.source, "/v1/transfer-requests", requestBody(sims...)).is(202).header.Get("Location")
	s.work()
	if read[Request](s.get(s.source, path).is(200)).State == transfer.InReview {
		s.post(s.support, path+"/approve", obj{"ticket": "T-1"}).is(202)
	}
	return path
}

func TestCorrectOwner(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Active)
	s.patchSIM(s.source, iccid(1), obj{"group": "meters"}).is(200)
	correct := func(key, account string) testResponse {
		t.Helper()
		return s.post(key, "/v1/sims/"+iccid(1)+"/owner-corrections", obj{"account": account, "reason": "a typing error", "ticket": "CASE-1"})
	}
	correct(s.support, destinationID).problem(403, problem.Forbidden)
	correct(s.admin, sourceID).problem(422, problem.Invalid)
	correct(s.admin, "OP0000000099").problem(422, problem.Invalid)
	correct(s.admin, closedID).problem(422, problem.AccountClosed)
	v := read[SIM](correct(s.admin, destinationID).is(200))
	if v.Account != destinationID || v.Group != nil || v.Tags["site"] != "north" {
		t.Errorf("%+v", v)
	}
	s.get(s.source, "/v1/sims/"+iccid(1)).problem(404, problem.NotFound)
	owners := s.history(iccid(1)).Owners
	if len(owners) != 2 || !owners[0].Corrected || valueOrZero(owners[0].Ticket) != "CASE-1" || owners[1].Corrected {
		t.Errorf("%+v", owners)
	}
	equal(t, s.changeKinds(iccid(1)), []string{"created", "owner_corrected"})
	for key, other := range map[string]string{s.source: destinationID, s.destination: sourceID} {
		entries := s.get(key, "/v1/audit?action=sim.correct_owner").is(200)
		if len(read[List[AuditEntry]](entries).Items) != 1 || strings.Contains(entries.text, other) {
			t.Errorf("an account reads %s", entries.text)
		}
	}
	s.check()
}

// The plans that an account may hold count for every way in which a SIM of it gets
// a plan.
func TestPlansThatAnAccountMayHold(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Active)
	s.exec(`UPDATE accounts SET plans = '{global-01}' WHERE operator_id = $1`, sourceID)
	s.exec(`UPDATE accounts SET plans = '{local-01}' WHERE operator_id = $1`, destinationID)
	s.patchSIM(s.support, iccid(1), obj{"plan": "local-01"}).problem(422, problem.Invalid)
	bulk := obj{"sims": []string{iccid(1), iccid(2)}, "change": obj{"plan": "local-01"}}
	if p := s.post(s.support, "/v1/sims/changes", bulk).problem(409, problem.SIMsRefused); p.Errors[0].Code != "plan_not_available" {
		t.Errorf("%+v", p.Errors)
	}
	s.post(s.admin, "/v1/sims/"+iccid(1)+"/owner-corrections", obj{"account": destinationID, "reason": "x"}).problem(422, problem.Invalid)
	s.post(s.admin, "/v1/sims/"+iccid(1)+"/owner-corrections", obj{"account": bystanderID, "reason": "x"}).is(200)
	s.patchSIM(s.support, iccid(1), obj{"plan": "local-01"}).is(200)
	s.check()
}

func TestBulkChanges(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(10, transfer.Active)
	s.exec(`UPDATE sims SET status = 'terminated' WHERE iccid = $1`, iccid(1))
	s.exec(`UPDATE sims SET termination_protection = true WHERE iccid = $1`, iccid(2))
	change := func(key string, body obj) testResponse {
		t.Helper()
		return s.post(key, "/v1/sims/changes", body)
	}
	all := obj{"account": sourceID}
	terminate := obj{"status": "terminated"}
	dry := read[BulkChange](change(s.support, obj{"filter": all, "change": obj{"status": "standby"}, "dry_run": true}).is(200))
	if dry.Selected != 10 || dry.Changed != 9 || len(dry.Refused) != 1 || dry.Refused[0].Code != storage.BulkStatus || !slices.Equal(dry.Refused[0].SIMs, []string{iccid(1)}) || !dry.DryRun {
		t.Errorf("%+v", dry)
	}
	unknown := obj{"group": []string{"nowhere"}, "account": sourceID}
	if p := change(s.support, obj{"filter": unknown, "change": terminate, "expect_count": 9}).problem(422, problem.NothingSelected); p.Errors[0].Location != "body.filter.group" {
		t.Errorf("an unknown group: %+v", p)
	}
	if p := change(s.support, obj{"filter": all, "change": terminate, "expect_count": 9}).problem(409, problem.SIMCount); !strings.Contains(p.Detail, "10") || !strings.Contains(p.Detail, "9") {
		t.Error(p.Detail)
	}
	if p := change(s.support, obj{"filter": all, "change": terminate, "expect_count": 10}).problem(409, problem.SIMsRefused); len(p.Errors) != 1 || p.Errors[0].Code != "termination_protection" {
		t.Errorf("%+v", p.Errors)
	}
	if n := s.queryInt(`SELECT count(*) FROM sims WHERE status = 'active'`); n != 9 {
		t.Errorf("%d SIMs are active", n)
	}
	done := read[BulkChange](change(s.support, obj{"filter": all, "change": obj{"status": "standby", "plan": "local-01"}, "expect_count": 10, "skip_refused": true, "reason": "a test"}).is(200))
	if done.Changed != 9 || s.queryInt(`SELECT count(*) FROM sims WHERE status = 'standby' AND plan = 'local-01'`) != 9 {
		t.Errorf("%+v", done)
	}
	again := read[BulkChange](change(s.support, obj{"filter": obj{"status": []string{"standby"}}, "change": obj{"status": "standby"}, "expect_count": 9}).is(200))
	if again.Changed != 0 || again.Unchanged != 9 {
		t.Errorf("%+v", again)
	}
	if n := s.queryInt(`SELECT count(*) FROM audit WHERE action = 'sim.bulk_change'`); n != 1 {
		t.Errorf("%d entries of the audit trail", n)
	}
	equal(t, s.changeKinds(iccid(3)), []string{"created", "status_changed", "plan_changed"})

	list := obj{"sims": []string{iccid(3), imsi(3), imsi(4), iccid(77)}, "change": obj{"transfer_lock": true, "group": "meters", "tags": obj{"a": "b", "site": nil}}}
	if p := change(s.source, list).problem(409, problem.SIMsRefused); p.Errors[0].Value != iccid(77) || p.Errors[0].Code != "sim_not_found" {
		t.Errorf("%+v", p.Errors)
	}
	list["skip_refused"] = true
	if v := read[BulkChange](change(s.source, list).is(200)); v.Selected != 2 || v.Changed != 2 {
		t.Errorf("%+v", v)
	}
	v := s.simNow(iccid(4))
	if !v.TransferLock || valueOrZero(v.Group) != "meters" {
		t.Errorf("%+v", v)
	}
	equal(t, v.Tags, map[string]string{"a": "b"})
	if v := read[BulkChange](change(s.destination, list).is(200)); v.Selected != 0 || v.Changed != 0 {
		t.Errorf("another account changes %+v", v)
	}
	for _, wrong := range []obj{
		{"change": obj{"group": "x"}},
		{"filter": obj{}, "sims": []string{iccid(1)}, "change": obj{"group": "x"}, "expect_count": 10},
		{"filter": obj{}, "change": obj{}, "expect_count": 10},
		{"filter": obj{"identifier_prefix": "12"}, "change": obj{"group": "x"}, "expect_count": 10},
		{"sims": []string{"x"}, "change": obj{"group": "x"}},
	} {
		change(s.source, wrong).problem(422, problem.Invalid)
	}
	for _, unguarded := range []obj{{}, {"group": []string{"meters"}}} {
		p := change(s.source, obj{"filter": unguarded, "change": obj{"group": "x"}}).problem(422, problem.Invalid)
		if len(p.Errors) != 1 || p.Errors[0].Location != "body.expect_count" || !strings.Contains(p.Errors[0].Message, "dry run") {
			t.Errorf("a filter without a count: %+v", p.Errors)
		}
	}
	change(s.support, obj{"filter": obj{}, "change": obj{"status": "active"}, "expect_count": 10}).problem(422, problem.Invalid)
	change(s.support, obj{"filter": all, "change": obj{"plan": "nope"}, "expect_count": 10}).problem(422, problem.Invalid)
	change(s.source, obj{"filter": obj{}, "change": obj{"status": "active"}}).problem(403, problem.Forbidden)
	change(s.source, obj{"filter": obj{"account": destinationID}, "change": obj{"group": "x"}}).problem(403, problem.Forbidden)
	change(s.support, obj{"filter": all, "change": obj{"group": "x"}}).problem(403, problem.Forbidden)
	operator := s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: sourceID, Permission: storage.PermissionOperator, Name: "operator"})
	change(operator, obj{"filter": obj{}, "change": obj{"transfer_lock": false}}).problem(403, problem.Forbidden)
	change(operator, obj{"filter": obj{}, "change": obj{"termination_protection": false}}).problem(403, problem.Forbidden)
	change(s.support, obj{"filter": all, "change": obj{"termination_protection": false}}).problem(403, problem.Forbidden)
	if v := read[BulkChange](change(operator, obj{"filter": obj{}, "change": obj{"termination_protection": true}, "expect_count": 10}).is(200)); v.Changed != 9 || v.Unchanged != 1 {
		t.Errorf("%+v", v)
	}
	if p := change(s.support, obj{"sims": []string{iccid(4)}, "change": terminate}).problem(409, problem.SIMsRefused); p.Errors[0].Code != "termination_protection" {
		t.Errorf("%+v", p.Errors)
	}
	change(s.source, obj{"filter": obj{}, "change": obj{"termination_protection": false}, "expect_count": 10}).is(200)
	if n := s.queryInt(`SELECT count(*) FROM sims WHERE termination_protection`); n != 0 {
		t.Errorf("%d SIMs are protected", n)
	}
	tooMany := obj{}
	for i := range transfer.MaxTags {
		tooMany[fmt.Sprint("t", i)] = "x"
	}
	if v := read[BulkChange](change(s.source, obj{"sims": []string{iccid(4), iccid(5)}, "change": obj{"tags": tooMany}, "dry_run": true}).is(200)); len(v.Refused) != 1 || v.Refused[0].Code != storage.BulkTags {
		t.Errorf("%+v", v)
	}
	s.check()
}

// A change of a SIM in a transfer either goes through and is seen when the SIM is
// validated or transferred, or it is refused and names the request.
func TestChangesOfSIMsInTransfers(t *testing.T) {
	t.Parallel()
	const number = "12025550101"
	type step struct {
		name string
		do   func(s *testService) testResponse
		held string // what it does to a SIM in an open transfer: refused, or the outcome of the transfer
		free string // the outcome if the request is not validated yet
	}
	completed, failed := "completed", "failed "
	steps := []step{
		{"plan", func(s *testService) testResponse { return s.patchSIM(s.support, iccid(1), obj{"plan": "local-01"}) }, completed, completed},
		{"status", func(s *testService) testResponse { return s.patchSIM(s.support, iccid(1), obj{"status": "standby"}) }, completed, completed},
		{"terminated", func(s *testService) testResponse { return s.patchSIM(s.support, iccid(1), obj{"status": "terminated"}) }, failed + "sim_terminated", "ineligible sim_terminated"},
		{"lock", func(s *testService) testResponse { return s.patchSIM(s.source, iccid(1), obj{"transfer_lock": true}) }, failed + "sim_locked", "ineligible sim_locked"},
		{"details", func(s *testService) testResponse {
			return s.patchSIM(s.support, iccid(1), obj{"lot": "x", "external_id": "y"})
		}, completed, completed},
		{"bulk status", func(s *testService) testResponse {
			return s.post(s.support, "/v1/sims/changes", obj{"sims": []string{iccid(1)}, "change": obj{"status": "terminated"}})
		}, failed + "sim_terminated", "ineligible sim_terminated"},
		{"add number", func(s *testService) testResponse {
			return s.putNumber(s.support, iccid(1), number, obj{"kind": "msisdn"})
		}, "refused", completed},
		{"move number", func(s *testService) testResponse {
			return s.putNumber(s.support, iccid(2), "12025550100", obj{"kind": "msisdn", "from": iccid(1)})
		}, "refused", completed},
		{"remove number", func(s *testService) testResponse { return s.removeNumber(s.support, iccid(1), "12025550100") }, "refused", completed},
		{"swap", func(s *testService) testResponse {
			return s.post(s.support, "/v1/sims/"+iccid(1)+"/swap", obj{"iccid": iccid(3), "reason": "x"})
		}, "refused", "ineligible sim_terminated"},
		{"swap for it", func(s *testService) testResponse {
			return s.post(s.support, "/v1/sims/"+iccid(2)+"/swap", obj{"iccid": iccid(1), "reason": "x"})
		}, "refused", completed},
		{"retire", func(s *testService) testResponse {
			return s.post(s.admin, "/v1/sims/"+iccid(1)+"/retire", obj{"reason": "x"})
		}, "refused", "ineligible sim_not_found"},
		{"owner", func(s *testService) testResponse {
			return s.post(s.admin, "/v1/sims/"+iccid(1)+"/owner-corrections", obj{"account": bystanderID, "reason": "x"})
		}, "refused", "ineligible sim_not_found"},
	}
	for _, state := range []transfer.RequestState{transfer.Validating, transfer.InReview, transfer.AwaitingAcceptance, transfer.Transferring} {
		for _, c := range steps {
			t.Run(string(state)+" "+c.name, func(t *testing.T) {
				t.Parallel()
				status := transfer.Active
				if c.name == "swap for it" {
					status = transfer.Ready // only a ready card takes over
				}
				if state == transfer.InReview && status == transfer.Ready {
					t.Skip("a ready SIM needs no review")
				}
				s := newTestService(t)
				s.sims(3, status)
				s.exec(`UPDATE sims SET status = 'ready' WHERE iccid = $1`, iccid(3))
				s.putNumber(s.support, iccid(1), "12025550100", obj{"kind": "msisdn"}).is(200)
				path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
				if state != transfer.Validating {
					s.work()
				}
				reviewed := status == transfer.Active
				if reviewed && (state == transfer.AwaitingAcceptance || state == transfer.Transferring) {
					s.post(s.support, path+"/approve", obj{"ticket": "T-1"}).is(202)
					reviewed = false
				}
				accepted := state == transfer.Transferring
				if accepted {
					s.post(s.destination, path+"/accept", nil).is(202)
				}
				if is := read[Request](s.get(s.support, path).is(200)).State; is != state {
					t.Fatalf("the request is %s", is)
				}
				want := c.held
				if state == transfer.Validating {
					want = c.free
				}
				if want == "refused" {
					p := c.do(s).problem(409, problem.SIMInTransfer)
					if p.State != string(state) || !strings.Contains(p.Detail, strings.TrimPrefix(path, "/v1/transfer-requests/")) || !strings.Contains(p.Detail, iccid(1)) {
						t.Errorf("%+v", p)
					}
					want = completed
				} else if a := c.do(s); a.status != 200 && a.status != 204 {
					t.Fatalf("%d %s", a.status, a.text)
				}
				s.work()
				if r := read[Request](s.get(s.support, path).is(200)); r.State == transfer.InReview {
					s.post(s.support, path+"/approve", obj{"ticket": "T-1"}).is(202)
				}
				if r := read[Request](s.get(s.support, path).is(200)); r.State == transfer.AwaitingAcceptance {
					s.post(s.destination, path+"/accept", nil).is(202)
				}
				s.work()
				v := read[List[Transfer]](s.get(s.support, path+"/transfers").is(200)).Items[0]
				got := strings.TrimSpace(string(v.State) + " " + string(valueOrZero(v.Reason)))
				if got != want {
					t.Errorf("the transfer is %s, not %s", got, want)
				}
				s.check(7) // sessions are not dropped here
			})
		}
	}
}
