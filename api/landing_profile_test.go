package api

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

func TestLandingProfile(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(2, transfer.Ready)
	path := s.post(s.source, "/v1/transfer-requests", requestBody(sims...)).is(202).header.Get("Location")
	s.work()
	type m = map[string]any
	tags := map[string]string{}
	for i := range 65 {
		tags[iccid(i)] = "x"
	}
	for name, landing := range map[string]m{
		"too many tags":    {"tags": tags},
		"a long name":      {"tags": m{strings.Repeat("x", 129): ""}},
		"no name":          {"tags": m{"": "x"}},
		"an equals sign":   {"tags": m{"a=b": "x"}},
		"a semicolon":      {"tags": m{"a": "x;y"}},
		"a long value":     {"tags": m{"site": strings.Repeat("x", 257)}},
		"a long group":     {"group": strings.Repeat("x", 129)},
		"an unknown field": {"imei_lock": "1"},
	} {
		p := s.post(s.destination, path+"/accept", m{"landing": landing}).problem(422, problem.Invalid)
		if len(p.Errors) != 1 || !strings.HasPrefix(p.Errors[0].Location, "body.landing") {
			t.Errorf("%s: %+v", name, p)
		}
	}
	want := &Landing{Group: "fleet", Tags: map[string]string{"site": strings.Repeat("ü", 256)}, SpeedClass: "s1.fast"}
	accepted := read[Request](s.post(s.destination, path+"/accept", m{"landing": want}).is(202))
	if diff := cmp.Diff(want, accepted.Landing); diff != "" {
		t.Error(diff)
	}
	s.work()
	sim := read[SIM](s.get(s.destination, "/v1/sims/"+sims[0]).is(200))
	if sim.Group == nil || *sim.Group != "fleet" || sim.SpeedClass == nil || *sim.SpeedClass != "s1.fast" || !cmp.Equal(sim.Tags, want.Tags) {
		t.Errorf("landed %+v", sim)
	}
	for key, shown := range map[string]bool{s.source: false, s.destination: true, s.support: true} {
		if r := read[Request](s.get(key, path).is(200)); (r.Landing != nil) != shown {
			t.Errorf("landing %+v", r.Landing)
		}
	}
}

func TestAuditTrailHasClientAddresses(t *testing.T) {
	t.Parallel()
	s := newTestService(t, func(c *Config) { c.TrustProxy = true })
	s.sims(1, transfer.Ready)
	made := s.do(apiCall{method: "POST", path: "/v1/transfer-requests", key: s.source, body: requestBody(iccid(1)), header: map[string]string{
		"X-Forwarded-For": "203.0.113.1, 198.51.100.7",
	}}).is(202)
	s.work()
	path := made.header.Get("Location")
	s.post(s.source, path+"/cancel", nil).is(202)
	for key, want := range map[string][]string{s.source: nil, s.support: {"198.51.100.7", "127.0.0.1"}} {
		var got []string
		for _, e := range read[List[Event]](s.get(key, path+"/events").is(200)).Items {
			if e.Address != nil {
				got = append(got, *e.Address)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestClientIP(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		trust                bool
		remote, header, want string
	}{
		{false, "192.0.2.1:1234", "", "192.0.2.1"},
		{false, "192.0.2.1:1234", "198.51.100.7", "192.0.2.1"},
		{true, "192.0.2.1:1234", "198.51.100.7", "198.51.100.7"},
		{true, "192.0.2.1:1234", "forged, 198.51.100.7", "198.51.100.7"},
		{true, "192.0.2.1:1234", "198.51.100.7, ", "192.0.2.1"},
		{true, "192.0.2.1:1234", "198.51.100.7:99", "198.51.100.7"},
		{true, "192.0.2.1:1234", "[2001:db8::1]:99", "2001:db8::1"},
		{true, "192.0.2.1:1234", "2001:db8::1", "2001:db8::1"},
		{false, "[::ffff:192.0.2.1]:1", "", "192.0.2.1"},
		{false, "pipe", "", ""},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.RemoteAddr = test.remote
		r.Header.Set("X-Forwarded-For", test.header)
		if got := newServer(Config{TrustProxy: test.trust}).clientIP(r); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}

// A SIM that has landed with something can be given the same by its owner, and
// nothing that it could not have landed with.
func TestOwnerSetsWhatALandingProfileCanSet(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(1, transfer.Ready)
	type m = map[string]any
	tags := map[string]string{strings.Repeat("ü", transfer.MaxTagName): strings.Repeat("ü", transfer.MaxTagValue)}
	for i := range 63 {
		tags[iccid(i)] = "x"
	}
	longest := m{"group": strings.Repeat("g", 128), "tags": tags}
	path := s.post(s.source, "/v1/transfer-requests", requestBody(sims...)).is(202).header.Get("Location")
	s.work()
	s.post(s.destination, path+"/accept", m{"landing": longest}).is(202)
	s.work()
	patch := func(body m) testResponse {
		return s.do(apiCall{method: "PATCH", path: "/v1/sims/" + sims[0], key: s.destination, body: body})
	}
	patch(m{"group": "", "tags": m{}}).is(200)
	if sim := read[SIM](patch(longest).is(200)); !cmp.Equal(sim.Tags, tags) || *sim.Group != longest["group"] {
		t.Errorf("%+v", sim)
	}
	tags["one more"] = "x"
	for name, body := range map[string]m{
		"too many tags": {"tags": tags},
		"a long name":   {"tags": m{strings.Repeat("x", 129): ""}},
		"no name":       {"tags": m{"": "x"}},
		"a long value":  {"tags": m{"site": strings.Repeat("x", 257)}},
		"a long group":  {"group": strings.Repeat("x", 129)},
	} {
		if p := patch(body).problem(422, problem.Invalid); len(p.Errors) != 1 || !strings.HasPrefix(p.Errors[0].Location, "body.") {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// What an acceptance leaves out comes from the landing profile of the destination,
// unless the acceptance ignores it. Only the destination and the operator see it.
func TestLandingProfileOfAnAccount(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(4, transfer.Ready)
	type m = map[string]any
	own := "/v1/accounts/" + destinationID
	patch := func(key, path string, body m) testResponse {
		return s.do(apiCall{method: "PATCH", path: path, key: key, body: body})
	}
	offered := make([]string, len(sims))
	for i, sim := range sims {
		offered[i] = s.post(s.source, "/v1/transfer-requests", requestBody(sim)).is(202).header.Get("Location")
	}
	s.work()
	for name, landing := range map[string]any{
		"a plan":      m{"plan": "global"},
		"a tag":       m{"tags": m{"a=b": "x"}},
		"a long name": m{"group": strings.Repeat("x", 129)},
	} {
		if p := patch(s.destination, own, m{"landing": landing}).problem(422, problem.Invalid); len(p.Errors) != 1 || !strings.HasPrefix(p.Errors[0].Location, "body.landing") {
			t.Errorf("%s: %+v", name, p)
		}
	}
	patch(s.source, own, m{"landing": m{"group": "mine"}}).problem(404, problem.NotFound)
	patch(s.destination, own, m{"landing": m{"group": "old"}}).is(200)
	want := &LandingProfile{Group: "arrivals", Tags: map[string]string{"origin": "transfer"}}
	if a := read[Account](patch(s.destination, own, m{"landing": want}).is(200)); !cmp.Equal(a.Landing, want) {
		t.Errorf("the profile is %+v", a.Landing)
	}
	if e := read[List[AuditEntry]](s.get(s.destination, "/v1/audit?action=account.update").is(200)).Items[0]; !cmp.Equal(e.After, m{"landing": m{"group": "arrivals", "tags": m{"origin": "transfer"}}}) {
		t.Errorf("audit entry %+v", e)
	}
	if r := read[List[Transfer]](s.get(s.destination, offered[0]+"/transfers").is(200)).Items[0]; r.Arrival == nil || *r.Arrival.Settings.Group != "arrivals" || !cmp.Equal(r.Arrival.Settings.Tags, want.Tags) {
		t.Errorf("before the decision, the SIM arrives as %+v", r.Arrival)
	}
	if r := read[List[Transfer]](s.get(s.source, offered[0]+"/transfers").is(200)).Items[0]; r.Arrival != nil {
		t.Errorf("the source sees how the SIM arrives as %+v", r.Arrival)
	}
	for i, test := range []struct {
		body m
		want *Landing
	}{
		{m{}, &Landing{Group: "arrivals", Tags: want.Tags}},
		{m{"landing": m{"group": "fleet", "speed_class": "fast"}}, &Landing{Group: "fleet", Tags: want.Tags, SpeedClass: "fast"}},
		{m{"landing": m{"speed_class": "fast"}, "without_profile": true}, &Landing{SpeedClass: "fast"}},
		{m{"without_profile": true}, nil},
	} {
		accepted := read[Request](s.post(s.destination, offered[i]+"/accept", test.body).is(202))
		if diff := cmp.Diff(test.want, accepted.Landing); diff != "" {
			t.Errorf("accepted with %v: %s", test.body, diff)
		}
	}
	s.work()
	if sim := read[SIM](s.get(s.destination, "/v1/sims/"+sims[0]).is(200)); sim.Group == nil || *sim.Group != "arrivals" || !cmp.Equal(sim.Tags, want.Tags) {
		t.Errorf("landed %+v", sim)
	}
	if a := read[Account](patch(s.destination, own, m{"landing": nil}).is(200)); a.Landing != nil {
		t.Errorf("after it was removed, the profile is %+v", a.Landing)
	}
}
