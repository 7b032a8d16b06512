package api

import (
	"strings"
	"testing"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Support accepts on behalf of the destination, with a reason and a ticket, with
// which plan, group and window it likes. Both sides learn it; the destination does
// not learn the ticket.
func TestAcceptOnBehalf(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	s := newTestService(t, func(c *Config) { c.AllowAcceptOnBehalf = true })
	s.sims(4, transfer.Ready)
	create := func(sims ...string) string {
		t.Helper()
		path := s.post(s.source, "/v1/transfer-requests", requestBody(sims...)).is(202).header.Get("Location")
		s.work()
		return path
	}
	behalf := m{"reason": "merger, by phone", "ticket": "CASE-7"}
	path := create(iccid(1), iccid(2))
	for _, c := range []struct {
		key  string
		body m
		code problem.Code
	}{
		{s.source, m{"on_behalf": behalf}, problem.Forbidden},
		{s.destination, m{"on_behalf": behalf}, problem.Forbidden},
		{s.bystander, m{"on_behalf": behalf}, problem.Forbidden},
		{s.support, m{}, problem.WrongParty},
		{s.source, m{}, problem.WrongParty},
	} {
		s.post(c.key, path+"/accept", c.body).problem(403, c.code)
	}
	for _, bad := range []m{{"reason": "x"}, {"ticket": "x"}, {"reason": " ", "ticket": "x"}, {"reason": "x", "ticket": " "}} {
		s.post(s.support, path+"/accept", m{"on_behalf": bad}).problem(422, problem.Invalid)
	}
	for _, e := range []string{"decline", "extend"} {
		s.post(s.support, path+"/"+e, m{"on_behalf": behalf}).problem(422, problem.Invalid)
	}
	if r := read[Request](s.get(s.support, path).is(200)); !r.CanAccept || r.WhyNot["accept"] != "" {
		t.Errorf("support can accept: %v, %v", r.CanAccept, r.WhyNot)
	}
	later := time.Now().Add(time.Hour)
	r := read[Request](s.post(s.support, path+"/accept", m{
		"on_behalf": behalf, "sims": []string{iccid(1)}, "landing": m{"group": "merged"}, "not_before": later,
	}).is(202))
	if r.State != transfer.Scheduled || r.Landing.Group != "merged" || r.Counts.Declined != 1 || r.CanAccept {
		t.Errorf("the request is %+v", r)
	}
	for name, c := range map[string]struct{ key, ticket string }{
		"source": {s.source, "CASE-7"}, "destination": {s.destination, ""}, "support": {s.support, "CASE-7"},
	} {
		r := read[Request](s.get(c.key, path).is(200))
		if b := r.AcceptedOnBehalf; b == nil || valueOrZero(b.Reason) != "merger, by phone" || valueOrZero(b.Ticket) != c.ticket {
			t.Errorf("the %s reads %+v", name, b)
		}
		events := read[List[Event]](s.get(c.key, path+"/events").is(200)).Items
		last := events[len(events)-1]
		ticket, _ := last.Detail["ticket"].(string)
		if last.Kind != transfer.EventAccept || last.Party != transfer.PartySupport || last.Detail["on_behalf"] != "destination" ||
			last.Detail["reason"] != "merger, by phone" || ticket != c.ticket {
			t.Errorf("the %s reads the event %+v", name, last)
		}
		if found := s.get(c.key, "/v1/transfer-requests?reference=x").is(200); strings.Contains(found.text, "CASE-7") {
			t.Errorf("%s", found.text)
		}
	}
	if found := read[List[Request]](s.get(s.support, "/v1/transfer-requests?ticket=CASE-7").is(200)).Items; len(found) != 1 || found[0].ID != r.ID {
		t.Errorf("by ticket, support finds %+v", found)
	}
	for name, key := range map[string]string{"destination": s.key(storage.NewKey{
		Role: storage.RoleAccount, OperatorID: destinationID, Permission: storage.PermissionOwner, Name: "owner",
	}), "admin": s.admin} {
		trail := s.get(key, "/v1/audit?action=request.accept_on_behalf").is(200)
		entries := read[List[AuditEntry]](trail).Items
		if len(entries) != 1 || entries[0].ObjectID != r.ID.String() || strings.Contains(trail.text, "CASE-7") != (name == "admin") {
			t.Errorf("the %s reads %s", name, trail.text)
		}
	}
	// Who made or approved a request does not accept it.
	s.exec(`UPDATE sims SET status = 'active' WHERE iccid = $1`, iccid(3))
	reviewed := create(iccid(3))
	s.post(s.support, reviewed+"/approve", m{"ticket": "T-1"}).is(202)
	if r := read[Request](s.get(s.support, reviewed).is(200)); r.CanAccept || !strings.Contains(r.WhyNot["accept"], "made or approved the request") {
		t.Errorf("who approved can accept: %v, %v", r.CanAccept, r.WhyNot)
	}
	s.post(s.support, reviewed+"/accept", m{"on_behalf": behalf}).problem(403, problem.SelfApproval)
	made := read[Key](s.post(s.admin, "/v1/keys", m{"role": "support", "name": "second desk"}).is(201))
	s.post(made.Token, reviewed+"/accept", m{"on_behalf": behalf}).is(202)
	body := requestBody(iccid(4))
	body["on_behalf_of"] = sourceID
	own := s.post(made.Token, "/v1/transfer-requests", body).is(202).header.Get("Location")
	s.work()
	s.post(made.Token, own+"/accept", m{"on_behalf": behalf}).problem(403, problem.SelfApproval)
	s.post(s.admin, own+"/accept", m{"on_behalf": behalf}).problem(403, problem.SelfApproval) // has made the key
	s.post(s.support, own+"/accept", m{"on_behalf": behalf}).is(202)
	s.work()
	s.check()
}

// Without the setting, support accepts nothing.
func TestAcceptOnBehalfIsOff(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
	s.work()
	body := map[string]any{"on_behalf": map[string]any{"reason": "by phone", "ticket": "T-1"}}
	s.post(s.support, path+"/accept", body).problem(403, problem.OnBehalfOff)
	s.post(s.support, path+"/accept", nil).problem(403, problem.WrongParty)
	if why := read[Request](s.get(s.support, path).is(200)).WhyNot; why["accept"] != "" {
		t.Errorf("why not: %v", why)
	}
}
