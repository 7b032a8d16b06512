package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// TestCanIsWhatTheServiceAllows brings requests to every state and compares, for
// every key, what a request says that the key can do with what happens when it
// tries. A decision about a SIM that is not in the request changes nothing.
func TestCanIsWhatTheServiceAllows(t *testing.T) {
	t.Parallel()
	s := newTestService(t, func(c *Config) { c.AllowAcceptOnBehalf = true })
	type m = map[string]any
	s.sims(5, transfer.Active)
	keys := map[string]string{"support": s.support, "admin": s.admin, "finance": s.key(storage.NewKey{Role: storage.RoleFinance, Name: "billing"})}
	for name, id := range map[string]transfer.OperatorID{"source": sourceID, "destination": destinationID, "uninvolved": bystanderID} {
		for _, p := range storage.Permissions() {
			keys[name+" "+string(p)] = s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: id, Permission: p, Name: name + " " + string(p)})
		}
	}
	ofParty := map[string][]transfer.Event{
		"source":      {transfer.Cancel, transfer.Extend, transfer.TakeBack},
		"destination": {transfer.Accept, transfer.Decline, transfer.TakeBack},
		"support":     {transfer.Accept, transfer.Cancel, transfer.Extend, transfer.TakeBack},
		"admin":       {transfer.Accept, transfer.Cancel, transfer.Extend, transfer.TakeBack},
	}
	allowed := map[transfer.Event]int{}
	compare := func(state, path string) {
		t.Helper()
		for name, key := range keys {
			got := s.get(key, path)
			if got.status == http.StatusNotFound {
				continue
			}
			r := read[Request](got.is(200))
			listed := read[List[Request]](s.get(key, "/v1/transfer-requests?limit=200").is(200)).Items
			i := slices.IndexFunc(listed, func(l Request) bool { return l.ID == r.ID })
			if i < 0 {
				t.Fatalf("%s: %s does not list the request", state, name)
			}
			for event, can := range map[transfer.Event][2]bool{
				transfer.Accept:  {r.CanAccept, listed[i].CanAccept},
				transfer.Decline: {r.CanDecline, listed[i].CanDecline},
				transfer.Cancel:  {r.CanCancel, listed[i].CanCancel},
				transfer.Extend:  {r.CanExtend, listed[i].CanExtend},

				transfer.TakeBack: {r.CanTakeBack, listed[i].CanTakeBack},
			} {
				body := m{"sims": []string{iccid(99)}}
				if event == transfer.Accept && (name == "support" || name == "admin") {
					body["on_behalf"] = m{"reason": "by phone", "ticket": "T-2"}
				}
				// What is refused after everything else decides nothing: SIMs that are
				// not in the request, an extension beyond the limit, and SIMs that are not free.
				refused := problem.UnknownSIMs
				switch event {
				case transfer.Extend:
					body, refused = m{"until": time.Now().AddDate(1, 0, 0)}, problem.ExtensionNotPossible
				case transfer.TakeBack:
					body, refused = m{}, problem.SIMsNotFree
				default:
				}
				tried := s.post(key, path+"/"+strings.ReplaceAll(string(event), "_", "-"), body)
				code := read[problem.Problem](tried).Code
				if possible := code == refused && !strings.Contains(tried.text, "cannot be extended"); can != [2]bool{possible, possible} {
					t.Errorf("%s: %s can %s: %v, but the service says %s", state, name, event, can, tried.text)
				}
				if can[0] {
					allowed[event]++
				}
				party, _, _ := strings.Cut(name, " ")
				_, explained := r.WhyNot[string(event)]
				over := r.State.Final()
				if event == transfer.TakeBack {
					over = r.TakeBack == nil || time.Now().After(r.TakeBack.Until)
				}
				if want := !can[0] && slices.Contains(ofParty[party], event) && !over; explained != want {
					t.Errorf("%s: %s cannot %s because of %q, and the service says %s", state, name, event, r.WhyNot, tried.text)
				}
			}
			if turn := r.NextAction; turn != nil && (turn.Party == transfer.PartyDestination) != (r.State == transfer.AwaitingAcceptance) {
				t.Errorf("%s: %s reads that it is the turn of the %s", state, name, turn.Party)
			}
		}
	}
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1), iccid(2))).is(202).header.Get("Location")
	compare("validating", path)
	s.work()
	compare("in review", path)
	s.post(s.support, path+"/approve", m{"ticket": "T-1"}).is(202)
	compare("awaiting acceptance", path)
	s.exec(`UPDATE requests SET expires_at = clock_timestamp() WHERE id = $1`, path[len("/v1/transfer-requests/"):])
	compare("overdue", path)
	s.exec(`UPDATE requests SET expires_at = waiting_since + interval '30 days' WHERE id = $1`, path[len("/v1/transfer-requests/"):])
	compare("at the limit", path)
	s.exec(`UPDATE requests SET expires_at = clock_timestamp() + interval '1 h' WHERE id = $1`, path[len("/v1/transfer-requests/"):])
	s.exec(`UPDATE accounts SET standing = 'closed' WHERE operator_id = $1`, sourceID)
	compare("source closed", path)
	s.exec(`UPDATE accounts SET standing = 'open' WHERE operator_id = $1`, sourceID)
	s.post(s.destination, path+"/accept", nil).is(202)
	compare("transferring", path)
	s.work()
	compare("completed", path)
	for i, end := range []string{"/cancel", "/decline"} {
		path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(3+i))).is(202).header.Get("Location")
		s.work()
		s.post(s.support, path+"/approve", m{"ticket": "T-1"}).is(202)
		s.post([]string{s.source, s.destination}[i], path+end, nil).is(202)
		compare(end, path)
		s.work()
		id := path[len("/v1/transfer-requests/"):]
		s.exec(`INSERT INTO open_transfers (sim, request, n) SELECT sim, gen_random_uuid(), 0 FROM transfers WHERE request = $1`, id)
		compare(end+", released", path)
		s.exec(`UPDATE requests SET ended_at = ended_at - interval '10 min' WHERE id = $1`, id)
		compare(end+", too late", path)
	}
	if allowed[transfer.Accept] == 0 || allowed[transfer.Decline] == 0 || allowed[transfer.Cancel] == 0 || allowed[transfer.Extend] == 0 || allowed[transfer.TakeBack] == 0 {
		t.Errorf("allowed were %v", allowed)
	}
}

// A completed request whose SIMs were not all transferred says so, to each party
// as far as it sees the SIMs.
func TestOutcome(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	type m = map[string]any
	s.sims(6, transfer.Ready)
	lock := func(i int) {
		s.do(apiCall{method: "PATCH", path: "/v1/sims/" + iccid(i), key: s.source, body: m{"transfer_lock": true}}).is(200)
	}
	lock(2)
	batch := read[Batch](s.do(apiCall{method: "POST", path: "/v1/batches", key: s.source, body: batchCSV(iccid(6)), header: csvHeader()}).is(202))
	for _, c := range []struct {
		name                string
		sims                []string
		lock                int // after the acceptance
		source, destination transfer.Outcome
	}{
		{"all", []string{iccid(1)}, 0, transfer.AllMoved, transfer.AllMoved},
		{"one ineligible", []string{iccid(2), iccid(3)}, 0, transfer.SomeMoved, transfer.AllMoved},
		{"one failed", []string{iccid(4), iccid(5)}, 4, transfer.SomeMoved, transfer.SomeMoved},
		{"all failed", []string{iccid(6)}, 6, transfer.NoneMoved, transfer.NoneMoved},
	} {
		var path string
		if c.name == "all failed" {
			path = "/v1/transfer-requests/" + batch.Items[0].ID.String()
		} else {
			path = s.post(s.source, "/v1/transfer-requests", requestBody(c.sims...)).is(202).header.Get("Location")
		}
		s.work()
		if r := read[Request](s.get(s.source, path).is(200)); r.Outcome != nil {
			t.Errorf("%s: before the end, the outcome is %s", c.name, *r.Outcome)
		}
		s.post(s.destination, path+"/accept", nil).is(202)
		if c.lock > 0 {
			lock(c.lock)
		}
		s.work()
		for key, want := range map[string]transfer.Outcome{s.source: c.source, s.support: c.source, s.destination: c.destination} {
			r := read[Request](s.get(key, path).is(200))
			if r.State != transfer.RequestCompleted || r.Outcome == nil || *r.Outcome != want {
				t.Errorf("%s: the outcome is %v, not %s: %+v", c.name, r.Outcome, want, r.Counts)
			}
			events := read[List[Event]](s.get(key, path+"/events").is(200)).Items
			if last := events[len(events)-1]; last.Kind != transfer.EventFinish || last.Detail["outcome"] != string(want) {
				t.Errorf("%s: the last event is %+v", c.name, last)
			}
		}
	}
	if b := read[Batch](s.get(s.source, "/v1/batches/"+batch.ID.String()).is(200)); b.Outcome == nil || *b.Outcome != transfer.NoneMoved {
		t.Errorf("the outcome of the batch is %v", b.Outcome)
	}
}
