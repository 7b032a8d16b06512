package api

import (
	"net/url"
	"testing"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

func TestSupportReadsTheWholeHistoryOfASIM(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	s.exec(`INSERT INTO radius.radacct (acctsessionid, acctuniqueid, nasipaddress, username, acctstarttime, acctstoptime, acctterminatecause)
		VALUES ('s-1', 'u-1', '192.0.2.1', $1, clock_timestamp(), clock_timestamp(), 'User-Request')`, imsi(1))
	s.exec(`UPDATE sims SET status = 'active', transfer_lock = true`)
	s.post(s.source, "/v1/transfer-requests", requestBody(imsi(1))).is(202) // is rejected
	s.work()
	s.exec(`UPDATE sims SET transfer_lock = false`)
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
	s.work()
	s.post(s.support, path+"/approve", map[string]any{"ticket": "T-77"}).is(202)
	s.post(s.destination, path+"/accept", nil).is(202)
	s.work()
	h := read[SIMHistory](s.get(s.support, "/v1/support/sims/"+imsi(1)).is(200))
	if len(h.Owners) != 2 || h.Owners[0].Account != destinationID || h.Owners[1].Account != sourceID || requestPath(*h.Owners[0].Request) != path {
		t.Errorf("owners %+v", h.Owners)
	}
	if len(h.Transfers) != 2 || h.Transfers[0].Transfer.State != transfer.Completed || *h.Transfers[0].Ticket != "T-77" ||
		h.Transfers[0].Transfer.Before == nil || *h.Transfers[1].Transfer.Reason != transfer.SIMLocked {
		t.Errorf("transfers %+v", h.Transfers)
	}
	if len(h.Sessions) != 1 || h.Sessions[0].Gateway != "192.0.2.1" || *h.Sessions[0].Cause != "User-Request" {
		t.Errorf("sessions %+v", h.Sessions)
	}
	if len(h.Charges) != 1 || h.Charges[0].Fee != (transfer.Money{Minor: 250, Currency: "EUR"}) || h.Charges[0].Account != sourceID || h.Truncated {
		t.Errorf("charges %+v", h.Charges)
	}
	s.get(s.support, "/v1/support/sims/"+iccid(99)).problem(404, problem.NotFound)
	s.get(s.support, "/v1/support/sims/nonsense").problem(404, problem.NotFound)
	s.get(s.source, "/v1/support/sims/"+iccid(1)).problem(403, problem.Forbidden)
}

func TestFindRequestsByTheirSIMsAndTickets(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(3, transfer.Ready)
	s.exec(`UPDATE sims SET status = 'active' WHERE iccid = $1`, iccid(2))
	s.exec(`UPDATE sims SET transfer_lock = true WHERE iccid = $1`, iccid(3))
	s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1), iccid(3))).is(202)
	assisted := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(2))).is(202).header.Get("Location")
	s.post(s.bystander, "/v1/transfer-requests", requestBody(imsi(1))).is(202) // not its own
	s.work()
	s.post(s.support, assisted+"/approve", map[string]any{"ticket": "T 5&6"}).is(202)
	hence := url.QueryEscape(time.Now().Add(time.Hour).Format(time.RFC3339Nano))
	for query, want := range map[string]struct{ source, destination, bystander, support int }{
		"sim=" + iccid(1):                    {1, 1, 0, 2}, // by another name the bystander would learn whose it is
		"sim=" + imsi(1):                     {1, 1, 1, 2},
		"sim=" + imsi(2):                     {1, 1, 0, 1},
		"sim=" + imsi(3):                     {1, 0, 0, 1}, // was never offered
		"sim=" + iccid(99):                   {0, 0, 0, 0},
		"reason=sim_locked":                  {1, 0, 0, 1},
		"reason=sim_not_found":               {0, 0, 1, 1},
		"method=support_assisted":            {1, 1, 0, 1},
		"method=self_service":                {1, 1, 0, 1},
		"created_after=" + hence:             {0, 0, 0, 0},
		"created_before=" + hence:            {2, 2, 1, 3},
		"created_after=2020-01-01T00:00:00Z": {2, 2, 1, 3},
	} {
		for key, n := range map[string]int{s.source: want.source, s.destination: want.destination, s.bystander: want.bystander, s.support: want.support} {
			if got := read[List[Request]](s.get(key, "/v1/transfer-requests?"+query).is(200)); len(got.Items) != n {
				t.Errorf("%s: %d requests, not %d", query, len(got.Items), n)
			}
		}
	}
	byTicket := "/v1/transfer-requests?ticket=" + url.QueryEscape("T 5&6")
	if got := read[List[Request]](s.get(s.support, byTicket).is(200)); len(got.Items) != 1 || requestPath(got.Items[0].ID) != assisted {
		t.Errorf("%+v", got)
	}
	s.get(s.source, byTicket).problem(403, problem.Forbidden)
	s.get(s.source, "/v1/transfer-requests?sim=x").problem(422, problem.Invalid)
	s.get(s.source, "/v1/transfer-requests?created_after=yesterday").problem(422, problem.Invalid)
	for method, n := range map[string]int{"self_service": 0, "support_assisted": 1} {
		if got := read[List[Transfer]](s.get(s.source, assisted+"/transfers?method="+method).is(200)); len(got.Items) != n {
			t.Errorf("%s: %+v", method, got)
		}
	}
}

// A list is cut off when there is more than it shows, not when it is full.
func TestHistoryIsTruncatedWhenThereIsMore(t *testing.T) {
	t.Parallel()
	sim := storage.SIM{SIMSettings: storage.SIMSettings{Tags: storage.Tags{}, EventHandlers: storage.Strings{}, Containers: storage.Strings{}}}
	for n, truncated := range map[int]bool{1: false, storage.MaxHistory: false, storage.MaxHistory + 1: true} {
		v, err := viewHistory(storage.History{SIM: sim, Sessions: make([]storage.PastSession, n)}, storage.Caller{Role: storage.RoleSupport})
		if err != nil {
			t.Fatal(err)
		}
		if v.Truncated != truncated || len(v.Sessions) != min(n, storage.MaxHistory) {
			t.Errorf("of %d sessions %d are shown, truncated %v", n, len(v.Sessions), v.Truncated)
		}
	}
}
