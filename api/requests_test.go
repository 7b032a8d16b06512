package api

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

func TestTransferFromRequestToCompletion(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(3, transfer.Ready)
	made := s.post(s.source, "/v1/transfer-requests", requestBody(sims...)).is(202)
	r := read[Request](made)
	if r.State != transfer.Validating || r.Counts.SIMs != 3 || r.Counts.Pending != 3 || r.NextAction != nil {
		t.Errorf("made %+v", r)
	}
	path := made.header.Get("Location")
	if path != "/v1/transfer-requests/"+r.ID.String() {
		t.Fatalf("Location %q", path)
	}
	s.work()
	r = read[Request](s.get(s.source, path).is(200))
	if r.State != transfer.AwaitingAcceptance || r.NextAction == nil || r.NextAction.Party != transfer.PartyDestination || r.ExpiresAt == nil || r.Counts.Eligible != 3 {
		t.Errorf("validated %+v", r)
	}
	sim := read[SIM](s.get(s.source, "/v1/sims/"+imsi(1)).is(200))
	if sim.Transfer == nil || sim.Transfer.Request != r.ID || sim.Transfer.State != transfer.AwaitingAcceptance || sim.Status != transfer.Ready {
		t.Errorf("SIM %+v", sim)
	}
	if r = read[Request](s.post(s.destination, path+"/accept", nil).is(202)); r.State != transfer.Transferring {
		t.Errorf("accepted %+v", r)
	}
	s.work()
	r = read[Request](s.get(s.destination, path).is(200))
	if r.State != transfer.RequestCompleted || r.Counts.Completed != 3 || r.FinishedAt == nil {
		t.Errorf("completed %+v", r)
	}
	s.get(s.source, "/v1/sims/"+imsi(1)).problem(404, problem.NotFound)
	sim = read[SIM](s.get(s.destination, "/v1/sims/"+imsi(1)).is(200))
	if sim.Account != destinationID || sim.Transfer != nil {
		t.Errorf("SIM %+v", sim)
	}
	list := read[List[Transfer]](s.get(s.destination, path+"/transfers").is(200))
	if len(list.Items) != 3 || list.Items[0].State != transfer.Completed || list.Items[0].Before != nil {
		t.Errorf("transfers %+v", list)
	}
	events := read[List[Event]](s.get(s.source, path+"/events").is(200))
	if len(events.Items) < 3 || events.Items[0].Kind != "create" || *events.Items[0].Key != "source" {
		t.Errorf("events %+v", events)
	}
}

func TestInvalidInputIsRejected(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Ready)
	with := func(name string, value any) map[string]any {
		body := requestBody(iccid(1))
		body[name] = value
		return body
	}
	to := func(email, id string) map[string]any {
		return with("destination", map[string]any{"email": email, "operator_id": id})
	}
	for name, test := range map[string]struct {
		body   any
		status int
		code   problem.Code
		at     []string // where the faults are
	}{
		"nothing":                {"", 400, problem.Malformed, nil},
		"an empty object":        {"{}", 422, problem.Invalid, []string{"body"}},
		"no selection":           {`{"destination":{"email":"a@example.com","operator_id":"` + destinationID + `"}}`, 422, problem.Invalid, []string{"body"}},
		"no JSON":                {"{", 400, problem.Malformed, []string{"body"}},
		"two documents":          {"{} {}", 400, problem.Malformed, []string{"body"}},
		"a list":                 {"[]", 422, problem.Invalid, []string{"body"}},
		"a NUL":                  {`{"sims":["\u0000"],"destination":{"email":"a@example.com","operator_id":"x"}}`, 422, problem.Invalid, []string{"body.sims[0]"}},
		"an unknown field":       {with("note", "x"), 422, problem.Invalid, []string{"body.note"}},
		"an unknown inner one":   {with("destination", map[string]any{"email": "a@example.com", "operator_id": destinationID, "name": "x"}), 422, problem.Invalid, []string{"body.destination.name"}},
		"no SIMs":                {requestBody(), 422, problem.Invalid, []string{"body.sims"}},
		"null SIMs":              {with("sims", nil), 422, problem.Invalid, []string{"body.sims"}},
		"numbers":                {with("sims", []any{iccid(1), 8988211}), 422, problem.Invalid, []string{"body.sims[1]"}},
		"no numbers":             {requestBody(iccid(1), "x", iccid(2), ""), 422, problem.Invalid, []string{"body.sims[1]", "body.sims[3]"}},
		"twice":                  {requestBody(iccid(1), iccid(2), " "+iccid(1)), 422, problem.Invalid, []string{"body.sims[2]"}},
		"no operator id":         {to("a@example.com", "OP12"), 422, problem.Invalid, []string{"body.destination.operator_id"}},
		"no email":               {to("a", destinationID), 422, problem.Invalid, []string{"body.destination.email"}},
		"a wrong email":          {to("nobody@example.com", destinationID), 422, problem.UnknownDestination, []string{"body.destination"}},
		"a wrong id":             {to(emailOf(destinationID), "OP0000000099"), 422, problem.UnknownDestination, []string{"body.destination"}},
		"another's email":        {to(emailOf(bystanderID), destinationID), 422, problem.UnknownDestination, []string{"body.destination"}},
		"the own account":        {to(emailOf(sourceID), sourceID), 422, problem.OwnAccount, []string{"body.destination"}},
		"a closed account":       {to(emailOf(closedID), closedID), 422, problem.AccountClosed, []string{"body.destination"}},
		"on another's behalf":    {with("on_behalf_of", destinationID), 403, problem.Forbidden, []string{"body.on_behalf_of"}},
		"no time at all":         {with("acceptance_seconds", 0), 422, problem.Invalid, []string{"body.acceptance_seconds"}},
		"too much time":          {with("acceptance_seconds", 30*24*3600+1), 422, problem.Invalid, []string{"body.acceptance_seconds"}},
		"half seconds":           {with("acceptance_seconds", 1.5), 422, problem.Invalid, []string{"body.acceptance_seconds"}},
		"a body that is too big": {strings.Repeat(" ", maxBulkBytes+1), 413, problem.TooLarge, nil},
	} {
		p := s.post(s.source, "/v1/transfer-requests", test.body).problem(test.status, test.code)
		var at []string
		for _, f := range p.Errors {
			at = append(at, f.Location)
		}
		if !slices.Equal(at, test.at) {
			t.Errorf("%s: faults at %q: %+v", name, at, p)
		}
	}
	wrong := make([]string, 150)
	for i := range wrong {
		wrong[i] = "x"
	}
	if p := s.post(s.source, "/v1/transfer-requests", requestBody(wrong...)).problem(422, problem.Invalid); len(p.Errors) != 100 || p.More != 50 {
		t.Errorf("%d errors and %d more", len(p.Errors), p.More)
	}
	closed := requestBody(iccid(1))
	closed["on_behalf_of"] = closedID
	if p := s.post(s.support, "/v1/transfer-requests", closed).problem(422, problem.AccountClosed); p.Errors[0].Location != "body.on_behalf_of" {
		t.Errorf("a closed source: %+v", p.Errors)
	}
	form := apiCall{method: "POST", path: "/v1/transfer-requests", key: s.source, body: "sims=1", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}
	s.do(form).problem(415, problem.UnsupportedMediaType)
	if n := s.queryInt(`SELECT count(*) FROM requests`); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

// Two answers that differ would tell which half of the pair is right.
func TestUnknownDestinationDoesNotRevealWhichPartIsWrong(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	var texts []string
	for _, pair := range [][2]string{
		{"nobody@example.com", destinationID},
		{emailOf(destinationID), "OP0000000099"},
		{"nobody@example.com", "OP0000000099"},
		{emailOf(bystanderID), destinationID},
		{"nobody@example.com", closedID},
		{emailOf(closedID), destinationID},
	} {
		body := requestBody(iccid(1))
		body["destination"] = map[string]string{"email": pair[0], "operator_id": pair[1]}
		a := s.do(apiCall{method: "POST", path: "/v1/transfer-requests", key: s.source, body: body, header: map[string]string{"X-Request-Id": "same"}})
		a.problem(422, problem.UnknownDestination)
		texts = append(texts, a.text)
	}
	if len(slices.Compact(texts)) != 1 {
		t.Errorf("the answers differ: %q", texts)
	}
}

func TestClosedSourceCannotCreateRequests(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	s.do(apiCall{method: "PATCH", path: "/v1/accounts/" + sourceID, key: s.admin, body: map[string]any{"standing": "closed"}}).is(200)
	s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).problem(422, problem.AccountClosed)
	s.upload(s.source, "", "text/csv", batchCSV(iccid(1))).problem(422, problem.AccountClosed)
}

func TestSupportCreatesRequestsOnBehalfOfAnAccount(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	s.post(s.support, "/v1/transfer-requests", requestBody(iccid(1))).problem(422, problem.Invalid)
	body := requestBody(iccid(1))
	body["on_behalf_of"] = sourceID
	r := read[Request](s.post(s.support, "/v1/transfer-requests", body).is(202))
	if r.Source != sourceID {
		t.Errorf("%+v", r)
	}
	s.get(s.destination, requestPath(r.ID)+"/events").problem(404, problem.NotFound) // it is not validated yet
	for key, name := range map[string]string{s.source: "", s.support: "support", s.admin: "support"} {
		e := read[List[Event]](s.get(key, requestPath(r.ID)+"/events").is(200)).Items[0]
		if e.Party != transfer.PartySupport || name == "" && e.Key != nil || name != "" && (e.Key == nil || *e.Key != name) {
			t.Errorf("%+v, wanted the key %q", e, name)
		}
	}
	body["on_behalf_of"] = "OP0000000099"
	s.post(s.support, "/v1/transfer-requests", body).problem(422, problem.Invalid)
}

func TestOutcomesCarryReasonsAndRemedies(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(4, transfer.Ready)
	s.exec(`UPDATE sims SET status = 'terminated' WHERE iccid = $1`, iccid(1))
	s.exec(`UPDATE sims SET transfer_lock = true WHERE iccid = $1`, iccid(2))
	s.post(s.admin, "/v1/sims/"+iccid(3)+"/owner-corrections", map[string]any{"account": bystanderID, "reason": "x"}).is(200)
	r := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1), iccid(2), iccid(3), iccid(4), iccid(9), iccid(8))).is(202))
	s.work()
	path := requestPath(r.ID)
	r = read[Request](s.get(s.source, path).is(200))
	got := map[transfer.Reason]int{}
	for _, reason := range r.Reasons {
		got[reason.Reason] = reason.Count
		if reason.Remedy == "" || reason.State != transfer.Ineligible {
			t.Errorf("%+v", reason)
		}
	}
	want := map[transfer.Reason]int{transfer.SIMTerminated: 1, transfer.SIMLocked: 1, transfer.SIMNotFound: 3}
	if !maps.Equal(got, want) || r.Counts.Ineligible != 5 || r.Counts.Eligible != 1 || r.Counts.Pending != 0 {
		t.Errorf("reasons %v in %+v", got, r)
	}
	list := read[List[Transfer]](s.get(s.source, path+"/transfers?reason=sim_not_found").is(200))
	if len(list.Items) != 3 || list.Items[0].ICCID != nil || list.Items[1].ICCID != nil {
		t.Errorf("the SIM of another account differs from one that does not exist: %+v", list.Items)
	}
	for cursor, n := "", 0; ; n++ {
		page := read[List[Transfer]](s.get(s.source, path+"/transfers?limit=1&cursor="+cursor).is(200))
		if len(page.Items) != 1 || page.Items[0].Line != n+1 {
			t.Errorf("page %d: %+v", n, page)
		}
		if cursor = page.NextCursor; cursor == "" {
			if n != 5 {
				t.Errorf("%d pages", n)
			}
			break
		}
	}
}

// The destination sees what is open to it, and nothing of what the source has
// tried, pays, or agreed upon with support.
func TestDestinationSeesItsPartOnly(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Active)
	s.exec(`UPDATE sims SET transfer_lock = true WHERE iccid = $1`, iccid(1))
	r := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1), iccid(2), iccid(3))).is(202))
	path := requestPath(r.ID)
	s.work()
	s.post(s.support, path+"/approve", map[string]any{"ticket": "T-77", "fee": map[string]any{"amount": "0.07"}, "fee_reason": "an old promise"}).is(202)
	for _, from := range []string{"", "/transfers", "/events"} {
		text := s.get(s.destination, path+from).is(200).text
		for _, secret := range []string{"T-77", "promise", "\"fee\"", "ineligible\":2", "\"sim_locked\"", "north", iccid(1), iccid(3), "\"support\",\"key\""} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows %q: %s", path+from, secret, text)
			}
		}
	}
	r = read[Request](s.get(s.destination, path).is(200))
	if r.Counts.SIMs != 1 || r.Counts.Eligible != 1 || r.Reasons != nil || r.Fees != nil {
		t.Errorf("%+v", r)
	}
	if list := read[List[Transfer]](s.get(s.destination, path+"/transfers").is(200)); len(list.Items) != 1 || list.Items[0].Identifier != iccid(2) {
		t.Errorf("%+v", list)
	}
	r = read[Request](s.get(s.source, path).is(200))
	if *r.Ticket != "T-77" || *r.FeeOverride != (transfer.Money{Minor: 7, Currency: "EUR"}) || r.Fees.Quoted != *r.FeeOverride {
		t.Errorf("the source sees %+v", r)
	}
	s.post(s.destination, path+"/accept", nil).is(202)
	s.work()
	if r := read[Request](s.get(s.source, path).is(200)); r.Fees.Charged.Minor != 7 || r.Fees.Quoted.Minor != 0 {
		t.Errorf("fees %+v", r.Fees)
	}
	for key, shown := range map[string]bool{s.source: false, s.destination: false, s.support: true, s.admin: true} {
		list := read[List[Transfer]](s.get(key, path+"/transfers?state=completed").is(200))
		if len(list.Items) != 1 || (list.Items[0].Before != nil) != shown || (list.Items[0].After != nil) != shown {
			t.Errorf("%+v", list)
		}
	}
}

// By deadline, a list has only requests that wait, page by page, those whose time
// ends first at the beginning.
func TestRequestsByDeadline(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(5, transfer.Active)
	ids := s.inReview(1, 5)
	s.exec(`UPDATE requests SET expires_at = expires_at - interval '1 hour' WHERE id = $1`, ids[3])
	s.exec(`UPDATE requests SET expires_at = (SELECT expires_at FROM requests WHERE id = $2) WHERE id = $1`, ids[0], ids[2])
	s.post(s.support, "/v1/transfer-requests/"+ids[1]+"/deny", map[string]any{"reason": "no"}).is(202)
	var got []string
	path := "/v1/transfer-requests?state=in_review&sort=deadline&limit=1"
	for cursor := ""; ; {
		page := read[List[Request]](s.get(s.support, path+"&cursor="+cursor).is(200))
		for _, r := range page.Items {
			got = append(got, r.ID.String())
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{ids[3], ids[0], ids[2], ids[4]}, got); diff != "" {
		t.Error(diff)
	}
	for _, cursor := range []string{"x", ids[0], "1-2", "-1-" + ids[0], "99999999999999999999-" + ids[0]} {
		s.get(s.support, path+"&cursor="+cursor).problem(422, problem.Invalid)
	}
	if list := read[List[Request]](s.get(s.bystander, "/v1/transfer-requests?sort=deadline").is(200)); len(list.Items) > 0 {
		t.Errorf("another account sees %d requests", len(list.Items))
	}
}
