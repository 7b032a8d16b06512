package api

import (
	"testing"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

func TestLookUpSIMs(t *testing.T) {
	t.Parallel()
	s := newSelectionTestService(t)
	look := func(key string, list ...string) (SIMLookup, []string) {
		t.Helper()
		v := read[SIMLookup](s.post(key, "/v1/sims/lookup", obj{"sims": list, "limit": 3}).is(200))
		var wrong []string
		for _, e := range v.Errors {
			wrong = append(wrong, itoa(int64(e.Line))+" "+e.Code)
		}
		return v, wrong
	}
	v, wrong := look(s.source, iccid(2), "box 7", iccid(10), imsi(2), iccid(2), iccid(99), iccid(4)+"-"+iccid(6), iccid(5), "", eid, imsi(1))
	equal(t, wrong, []string{"2 bad_value", "3 sim_not_found", "4 duplicate", "5 duplicate", "6 sim_not_found", "8 duplicate", "9 bad_value"})
	equal(t, v.Selected, 7) // 2, 4 to 6, 8 and 9 by the EID, and 1
	var shown []string
	for _, sim := range v.Items {
		shown = append(shown, sim.ICCID)
	}
	equal(t, shown, iccids(2, 4, 5))
	// another account does not learn which SIMs exist
	v, wrong = look(s.destination, iccid(2), iccid(99), iccid(1)+"-"+iccid(9), eid)
	equal(t, wrong, []string{"1 sim_not_found", "2 sim_not_found", "3 sim_not_found", "4 sim_not_found"})
	equal(t, v.Selected, 0)
	v, _ = look(s.support, iccid(2), iccid(10))
	equal(t, v.Selected, 2)
	// two ranges with a SIM in common: the second one has to be corrected
	_, wrong = look(s.source, iccid(1)+"-"+iccid(3), iccid(3)+"-"+iccid(5))
	equal(t, wrong, []string{"2 duplicate"})
}

func TestCountSIMs(t *testing.T) {
	t.Parallel()
	s := newSelectionTestService(t)
	s.exec(`UPDATE sims SET transfer_lock = true WHERE iccid IN ($1, $2)`, iccid(1), iccid(2))
	for query, want := range map[string]SIMCount{
		"":                               {Count: 9},
		"?up_to=9":                       {Count: 9},
		"?up_to=8":                       {Count: 8, More: true},
		"?status=active":                 {Count: 2},
		"?transfer_lock=on":              {Count: 2},
		"?transfer_lock=off&lot=box-7":   {Count: 2},
		"?identifier_prefix=" + iccid(3): {Count: 1},
		"?tag=site%3Dsouth&lot=box-8":    {},
		"?eid=" + eid + "&status=ready":  {Count: 2},
		"?iccid_range=" + iccid(8) + "-" + iccid(10): {Count: 2},
	} {
		equal(t, read[SIMCount](s.get(s.source, "/v1/sims/count"+query).is(200)), want)
	}
	locked := read[List[SIM]](s.get(s.source, "/v1/sims?transfer_lock=on").is(200)).Items
	equal(t, len(locked), 2)
	equal(t, *locked[0].Blocked, Blocked{transfer.SIMLocked, transfer.SIMLocked.Remedy()})
	if other := s.simNow(iccid(3)); other.Blocked != nil {
		t.Errorf("an active SIM is blocked: %+v", other.Blocked)
	}
	s.get(s.source, "/v1/sims/count?transfer_lock=maybe").problem(422, problem.Invalid)
	s.get(s.source, "/v1/sims/count?account="+bystanderID).problem(403, problem.Forbidden)
	equal(t, read[SIMCount](s.get(s.support, "/v1/sims/count").is(200)), SIMCount{Count: 10})
}

// TestSessionsOfASIM checks that an owner sees the sessions of its own time only.
func TestSessionsOfASIM(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	s.exec(`INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime, acctinputoctets)
		SELECT 's' || n, 'u' || n, $1, '10.0.0.1', clock_timestamp() + n * interval '1 minute', n FROM generate_series(-1, 60) n`, imsi(1))
	s.exec(`UPDATE radius.radacct SET acctstoptime = acctstarttime + interval '1 minute', acctterminatecause = 'User-Request'`)
	v := read[SIMSessions](s.get(s.source, "/v1/sims/"+imsi(1)+"/sessions").is(200))
	equal(t, len(v.Items), 50)
	equal(t, v.More, true)
	if first := v.Items[0]; first.InOctets != 60 || *first.Cause != "User-Request" || first.StoppedAt == nil {
		t.Errorf("the latest session is %+v", first)
	}
	s.get(s.destination, "/v1/sims/"+iccid(1)+"/sessions").problem(404, problem.NotFound)
	// the destination does not see the sessions of the source
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
	s.work()
	s.post(s.support, path+"/approve", obj{"ticket": "T-1"}).is(202) // the first session has activated the SIM
	s.post(s.destination, path+"/accept", nil).is(202)
	s.work()
	s.exec(`UPDATE radius.radacct SET acctstarttime = acctstarttime - interval '1 day'`)
	equal(t, read[SIMSessions](s.get(s.destination, "/v1/sims/"+iccid(1)+"/sessions").is(200)), SIMSessions{Items: []SIMSession{}})
	s.get(s.source, "/v1/sims/"+iccid(1)+"/sessions").problem(404, problem.NotFound)
}

// TestDropSessionsByHand checks that the owner of a SIM and support can end its open
// sessions, whether it has work already or not, and what they see of it.
func TestDropSessionsByHand(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Active)
	at := "/v1/sims/" + imsi(1) + "/sessions"
	drop := func(key string, want int) {
		t.Helper()
		equal(t, read[DroppedSessions](s.post(key, at+"/drop", obj{}).is(202)), DroppedSessions{want})
	}
	drop(s.source, 0)
	s.exec(`INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime)
		SELECT 's' || n, 'u' || n, $1, '10.0.0.1', clock_timestamp() FROM generate_series(1, 3) n`, imsi(1))
	s.exec(`UPDATE radius.radacct SET acctstoptime = acctstarttime WHERE acctsessionid = 's3'`)
	s.post(s.destination, at+"/drop", obj{}).problem(404, problem.NotFound)
	s.post(s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: sourceID, Permission: storage.PermissionViewer, Name: "viewer"}), at+"/drop", obj{}).problem(403, problem.Forbidden)
	drop(s.source, 2)
	drop(s.support, 2)
	count := func(condition string) int {
		return s.queryInt(`SELECT count(*) FROM work WHERE kind = 'drop_stray' AND ` + condition)
	}
	equal(t, count("true"), 2) // each session once
	s.exec(`UPDATE work SET dead_at = clock_timestamp(), attempts = 5, error = 'gateway 10.0.0.1: no answer'`)
	for key, want := range map[string]string{s.source: "no answer", s.support: "gateway 10.0.0.1: no answer"} {
		v := read[SIMSessions](s.get(key, at).is(200))
		if got := v.Items[1]; got.GatewayAnswer != want || got.Ending || v.Items[0].GatewayAnswer != "" || (got.Gateway != "") != (key == s.support) {
			t.Errorf("sessions %+v, want the answer %q", v.Items, want)
		}
	}
	drop(s.source, 2)
	equal(t, count("dead_at IS NULL AND attempts = 0"), 2)
	if v := read[SIMSessions](s.get(s.source, at).is(200)); !v.Items[1].Ending || v.Items[0].Ending {
		t.Errorf("sessions %+v, want the open ones to be ending", v.Items)
	}
}

// TestUnknownSessions checks that support sees sessions that name no SIM, until the
// SIM is imported.
func TestUnknownSessions(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Active)
	s.exec(`INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime, escaped)
		VALUES ('=C3=A9', 'a', 'a=2Bb', '10.0.0.1', clock_timestamp(), true), ('=E9', 'b', 'x', '10.0.0.1', clock_timestamp(), true),
			('known', 'c', $1, '10.0.0.1', clock_timestamp(), true)`, imsi(1))
	first := read[UnknownSessions](s.get(s.support, "/v1/unknown-sessions?limit=1").is(200))
	second := read[UnknownSessions](s.get(s.support, "/v1/unknown-sessions?limit=1&cursor="+first.NextCursor).is(200))
	if first.Total != 2 || first.Items[0].ID != "é" || first.Items[0].Username != "a+b" || second.Items[0].ID != "=E9" || second.NextCursor != "" {
		t.Errorf("pages %+v and %+v", first, second)
	}
	s.get(s.source, "/v1/unknown-sessions").problem(403, problem.Forbidden)
	s.exec(`UPDATE radius.radacct SET acctstoptime = acctstarttime`)
	equal(t, read[UnknownSessions](s.get(s.admin, "/v1/unknown-sessions").is(200)), UnknownSessions{Items: []UnknownSession{}})
}

// TestDestinationOfAnEarlierRequest checks that a source can name a destination by
// a request that it has sent to it, and by no other request.
func TestDestinationOfAnEarlierRequest(t *testing.T) {
	t.Parallel()
	s := newSelectionTestService(t)
	first := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202))
	s.work()
	again := obj{"destination": obj{"same_as": first.ID}, "sims": []string{iccid(2)}}
	second := read[Request](s.post(s.source, "/v1/transfer-requests", again).is(202))
	equal(t, second.Destination, transfer.OperatorID(destinationID))
	equal(t, read[Preview](s.post(s.source, "/v1/transfer-requests/preview", again).is(200)).Destination, transfer.OperatorID(destinationID))
	for _, key := range []string{s.destination, s.bystander} {
		s.post(key, "/v1/transfer-requests", again).problem(422, problem.UnknownDestination)
	}
	again["destination"] = obj{"same_as": first.ID, "operator_id": destinationID}
	s.post(s.source, "/v1/transfer-requests", again).problem(422, problem.Invalid)
	for _, destination := range []obj{{}, {"email": emailOf(destinationID)}, {"operator_id": destinationID}} {
		again["destination"] = destination
		s.post(s.source, "/v1/transfer-requests", again).problem(422, problem.Invalid)
	}
}

func TestPreviewsOfManySIMs(t *testing.T) {
	t.Parallel()
	s := newSelectionTestService(t)
	s.exec(`UPDATE sims SET transfer_lock = true WHERE iccid = $1`, iccid(1))
	s.exec(`INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime)
		VALUES ('s', 'u', $1, '10.0.0.1', clock_timestamp()), ('t', 'v', $2, '10.0.0.1', clock_timestamp())`, imsi(1), imsi(3))
	body := selecting(obj{"all_sims": true})
	for items, n := range map[string]int{"": 9, "?items=all": 9, "?items=ineligible": 1, "?items=none": 0} {
		v := read[Preview](s.post(s.source, "/v1/transfer-requests/preview"+items, body).is(200))
		equal(t, len(v.Items), n)
		equal(t, []int{v.Selected, v.Eligible, v.Ineligible, v.Sessions, v.Requests}, []int{9, 8, 1, 1, 1})
		equal(t, v.Plans, []PreviewedMove{{Plan: PreviewedPlan{Name: "global-01"}, LandsOn: PreviewedPlan{Name: "global-01"}, SIMs: 8}})
	}
	s.post(s.source, "/v1/transfer-requests/preview?items=some", body).problem(422, problem.Invalid)
}
