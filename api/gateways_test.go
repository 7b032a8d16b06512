package api

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

func (s *testService) gateway(method, name, key string, body any) testResponse {
	s.t.Helper()
	return s.do(apiCall{method: method, path: "/v1/gateways/" + strings.ReplaceAll(name, "/", "%2F"), key: key, body: body})
}

// invalid checks that a call was refused because of one field.
func (a testResponse) invalid(location string) {
	a.t.Helper()
	if p := a.problem(422, problem.Invalid); len(p.Errors) != 1 || p.Errors[0].Location != location || p.Errors[0].Message == "" {
		a.t.Errorf("the problem is not of %s: %s", location, a.text)
	}
}

func TestGateways(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	type m = map[string]any
	s.gateway("PUT", "10.0.0.1", s.admin, m{"description": "PGW 1"}).invalid("body.secret")
	made := read[Gateway](s.gateway("PUT", "10.0.0.1", s.admin, m{"secret": "first secret", "description": " PGW 1 ", "server": "10.0.0.9:1700"}).is(200))
	equal(t, made, Gateway{Name: "10.0.0.1", Description: "PGW 1", Server: new("10.0.0.9:1700"), Address: new("10.0.0.9:1700"), SecretSetAt: made.SecretSetAt, Preset: transfer.PresetGeneric, Attributes: transfer.DefaultGatewayAttributes()})
	if made.SecretSetAt == nil {
		t.Error("no secret_set_at")
	}
	network := read[Gateway](s.gateway("PUT", "10.64.3.0/10", s.admin, m{"secret": "second secret", "require_message_authenticator": true}).is(200))
	equal(t, network, Gateway{Name: "10.64.0.0/10", Signed: true, SecretSetAt: network.SecretSetAt, Preset: transfer.PresetGeneric, Attributes: transfer.DefaultGatewayAttributes()})

	// Every spelling of the address is the same gateway.
	equal(t, read[Gateway](s.gateway("GET", "::ffff:10.0.0.1", s.support, nil).is(200)), made)
	equal(t, read[Gateway](s.gateway("GET", "10.64.0.0/10", s.support, nil).is(200)), network)
	list := read[List[Gateway]](s.get(s.support, "/v1/gateways?limit=1").is(200))
	equal(t, list, List[Gateway]{Items: []Gateway{made}, NextCursor: "10.0.0.1"})
	equal(t, read[List[Gateway]](s.get(s.support, "/v1/gateways?cursor=10.0.0.1").is(200)).Items, []Gateway{network})
	s.get(s.support, "/v1/gateways?cursor=x").problem(422, problem.Invalid)

	// What waits for a gateway counts at the smallest network that has its address.
	equal(t, read[List[ListedGateway]](s.get(s.support, "/v1/gateways").is(200)).Items, []ListedGateway{{Gateway: made}, {Gateway: network}})
	s.exec(`INSERT INTO work (kind, items, n, gateway, queue, attempts, error, created_at) VALUES
		('drop_stray', '{1}', 1, '10.64.0.7', 'gateway', 0, NULL, '2026-01-02 03:04:05Z'),
		('drop_stray', '{2}', 1, '10.64.0.7', 'gateway', 3, 'gateway 10.64.0.7: no answer', '2026-01-02 03:04:06Z'),
		('drop_stray', '{3}', 1, '10.64.0.8', 'gateway', 1, 'gateway 10.64.0.8: NAK', '2026-01-02 03:04:07Z'),
		('drop_stray', '{4}', 1, '192.0.2.1', 'gateway', 1, 'gateway 192.0.2.1: not asked: no gateway with this address is set up', '2026-01-02 03:04:08Z')`)
	s.gateway("PUT", "10.64.0.8", s.admin, m{"secret": "third secret"}).is(200)
	waiting := map[string]*GatewayWaiting{}
	for _, g := range read[List[ListedGateway]](s.get(s.support, "/v1/gateways").is(200)).Items {
		waiting[g.Name] = g.Waiting
	}
	equal(t, waiting, map[string]*GatewayWaiting{
		"10.0.0.1":     nil,
		"10.64.0.0/10": {SIMs: 2, Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Attempts: 3, Answer: new("gateway 10.64.0.7: no answer")},
		"10.64.0.8":    {SIMs: 1, Since: time.Date(2026, 1, 2, 3, 4, 7, 0, time.UTC), Attempts: 1, Answer: new("gateway 10.64.0.8: NAK")},
	})
	s.exec(`DELETE FROM work`)
	s.gateway("DELETE", "10.64.0.8", s.admin, nil).is(204)

	// A replacement keeps the secret, a change keeps everything else.
	same := read[Gateway](s.gateway("PUT", "10.0.0.1", s.admin, m{}).is(200))
	equal(t, same, Gateway{Name: "10.0.0.1", Address: new("10.0.0.1:3799"), SecretSetAt: made.SecretSetAt, Preset: transfer.PresetGeneric, Attributes: transfer.DefaultGatewayAttributes()})
	changed := read[Gateway](s.gateway("PATCH", "10.0.0.1", s.admin, m{"secret": "third secret", "server": "[2001:db8::1]", "description": "x"}).is(200))
	equal(t, changed, Gateway{Name: "10.0.0.1", Description: "x", Server: new("[2001:db8::1]"), Address: new("[2001:db8::1]:3799"), SecretSetAt: changed.SecretSetAt, Preset: transfer.PresetGeneric, Attributes: transfer.DefaultGatewayAttributes()})
	if !changed.SecretSetAt.After(*made.SecretSetAt) {
		t.Error("the secret was set, but secret_set_at is the same")
	}
	removed := read[Gateway](s.gateway("PATCH", "10.0.0.1", s.admin, m{"server": nil, "description": nil, "require_message_authenticator": true}).is(200))
	equal(t, removed, Gateway{Name: "10.0.0.1", Address: new("10.0.0.1:3799"), Signed: true, SecretSetAt: changed.SecretSetAt, Preset: transfer.PresetGeneric, Attributes: transfer.DefaultGatewayAttributes()})
	if n := s.queryInt(`SELECT count(*) FROM radius.nas WHERE nasname = '10.0.0.1' AND secret = 'third secret'`); n != 1 {
		t.Error("the secret was not stored")
	}
	s.gateway("PATCH", "10.0.0.2", s.admin, m{"description": "x"}).problem(404, problem.NotFound)

	// No response and no entry of the audit trail shows a secret.
	trail := s.get(s.admin, "/v1/audit?limit=200").is(200).text
	for _, text := range []string{trail, s.get(s.admin, "/v1/gateways").text} {
		if strings.Contains(text, "third secret") || strings.Contains(text, "first secret") {
			t.Errorf("a secret is shown: %s", text)
		}
	}
	if !strings.Contains(trail, `"secret_set_at"`) {
		t.Errorf("the trail does not tell that the secret was set: %s", trail)
	}
	s.leaves("a change of nothing", s.admin, func() { s.gateway("PATCH", "10.0.0.1", s.admin, m{"secret": "third secret"}).is(200) })

	s.exec(`INSERT INTO radius.radacct (acctsessionid, acctuniqueid, nasipaddress, acctstarttime) VALUES ('a', 'a', '10.0.0.1', clock_timestamp())`)
	if p := s.gateway("DELETE", "10.0.0.1", s.admin, nil).problem(409, problem.GatewayInUse); !strings.Contains(p.Detail, "1 session") {
		t.Errorf("%+v", p)
	}
	s.do(apiCall{method: "DELETE", path: "/v1/gateways/10.0.0.1?open_sessions=leave", key: s.admin}).is(204)
	s.gateway("DELETE", "10.64.0.0/10", s.admin, nil).is(204)
	s.gateway("DELETE", "10.0.0.1", s.admin, nil).problem(404, problem.NotFound)
}

const urlSecret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// A preset gives the attributes and the port that are not given, and everything
// else can be set and removed.
func TestGatewayRequests(t *testing.T) {
	t.Parallel()
	s := newTestService(t, func(c *Config) { c.GatewayAllowNetworks = []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")} })
	type m = map[string]any
	got := func(a testResponse) Gateway {
		t.Helper()
		g := read[Gateway](a.is(200))
		g.SecretSetAt, g.URLSecretSetAt = nil, nil
		return g
	}
	ios := transfer.PresetCiscoIOS.Rules().Attributes
	g := got(s.gateway("PUT", "10.0.0.1", s.admin, m{"secret": "s", "preset": "Cisco-IOS", "source_address": "::ffff:10.0.1.5", "max_in_flight": 8, "max_per_second": 9}))
	equal(t, g, Gateway{
		Name: "10.0.0.1", Address: new("10.0.0.1:1700"), Preset: transfer.PresetCiscoIOS, Attributes: ios, Port: new(1700), Source: new("10.0.1.5"),
		MaxInFlight: new(8), MaxPerSecond: new(9),
	})
	g = got(s.gateway("PATCH", "10.0.0.1", s.admin, m{"attributes": []string{"class", "Acct-Session-Id"}, "port": nil, "max_in_flight": nil}))
	equal(t, g, Gateway{
		Name: "10.0.0.1", Address: new("10.0.0.1:3799"), Preset: transfer.PresetCiscoIOS, Source: new("10.0.1.5"), MaxPerSecond: new(9),
		Attributes: []transfer.GatewayAttribute{transfer.AttributeSessionID, transfer.AttributeClass},
	})
	g = got(s.gateway("PATCH", "10.0.0.1", s.admin, m{"server": "10.0.0.9:1701", "preset": "cisco-ios", "source_address": nil, "max_per_second": nil}))
	equal(t, g, Gateway{Name: "10.0.0.1", Server: new("10.0.0.9:1701"), Address: new("10.0.0.9:1701"), Preset: transfer.PresetCiscoIOS, Attributes: ios})
	s.gateway("PATCH", "10.0.0.1", s.admin, m{"port": 1700}).invalid("body.port")

	// It becomes a gateway without RADIUS, and back.
	s.gateway("PATCH", "10.0.0.1", s.admin, m{"url": "http://10.9.0.1/x", "url_secret": urlSecret}).invalid("body.server")
	s.gateway("PATCH", "10.0.0.1", s.admin, m{"url": "http://10.9.0.1/x", "server": nil}).invalid("body.url_secret")
	a := s.gateway("PATCH", "10.0.0.1", s.admin, m{"url": "http://10.9.0.1/x", "server": nil, "url_secret": urlSecret})
	if strings.Contains(a.text, "whsec_") || read[Gateway](a.is(200)).URLSecretSetAt == nil {
		t.Errorf("the secret is shown, or not known to be set: %s", a.text)
	}
	equal(t, got(a), Gateway{Name: "10.0.0.1", URL: new("http://10.9.0.1/x"), Preset: transfer.PresetHTTP, Attributes: []transfer.GatewayAttribute{}})
	g = got(s.gateway("PATCH", "10.0.0.1", s.admin, m{"url": nil}))
	equal(t, g, Gateway{Name: "10.0.0.1", Address: new("10.0.0.1:3799"), Preset: transfer.PresetGeneric, Attributes: transfer.DefaultGatewayAttributes()})
	g = got(s.gateway("PUT", "10.0.0.2", s.admin, m{"url": "https://gateway.example/x", "url_secret": urlSecret}))
	equal(t, g, Gateway{Name: "10.0.0.2", URL: new("https://gateway.example/x"), Preset: transfer.PresetHTTP, Attributes: []transfer.GatewayAttribute{}})
	if trail := s.get(s.admin, "/v1/audit?limit=200").is(200).text; strings.Contains(trail, "whsec_") || !strings.Contains(trail, "url_secret_set_at") || !strings.Contains(trail, "cisco-ios") {
		t.Errorf("the trail: %s", trail)
	}
}

func TestInvalidGateways(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	type m = map[string]any
	for _, c := range []struct {
		name, location string
		body           m
	}{
		{"gateway.example.com", "path.name", m{"secret": "s"}},
		{"10.0.0.0/33", "path.name", m{"secret": "s"}},
		{"0.0.0.0", "path.name", m{"secret": "s"}},
		{"0.0.0.0/8", "path.name", m{"secret": "s"}},
		{"::", "path.name", m{"secret": "s"}},
		{"::ffff:0.0.0.0", "path.name", m{"secret": "s"}},
		{"255.255.255.255", "path.name", m{"secret": "s"}},
		{"224.0.0.5", "path.name", m{"secret": "s"}},
		{"232.0.0.0/8", "path.name", m{"secret": "s"}},
		{"ff02::1", "path.name", m{"secret": "s"}},
		{"10.0.0.1", "body.server", m{"secret": "s", "server": "0.0.0.0:3799"}},
		{"10.0.0.1", "body.server", m{"secret": "s", "server": "[::]:3799"}},
		{"10.0.0.1", "body.server", m{"secret": "s", "server": "224.0.0.1"}},
		{"10.0.0.1", "body.server", m{"secret": "s", "server": "10.0.1"}},
		{"10.0.0.1", "body.source_address", m{"secret": "s", "source_address": "255.255.255.255"}},
		{"10.0.0.1", "body.url", m{"url": "https://127.1/", "url_secret": urlSecret}},
		{"10.0.0.1", "body.server", m{"secret": "s", "server": "10.0.0.1:0"}},
		{"10.0.0.1", "body.server", m{"secret": "s", "server": "radius://10.0.0.1"}},
		{"10.0.0.1", "body.server", m{"secret": "s", "server": " "}},
		{"10.0.0.1", "body.secret", m{"secret": "  "}},
		{"10.0.0.1", "body.secret", m{"secret": "with a newline\n"}},
		{"10.0.0.1", "body.description", m{"secret": "s", "description": "a\u0007b"}},
		{"10.0.0.1", "body.preset", m{"secret": "s", "preset": "cisco"}},
		{"10.0.0.1", "body.attributes", m{"secret": "s", "attributes": []string{}}},
		{"10.0.0.1", "body.attributes", m{"secret": "s", "attributes": []string{"User-Name"}}},
		{"10.0.0.1", "body.attributes", m{"secret": "s", "attributes": []string{"Acct-Session-Id", "Filter-Id"}}},
		{"10.0.0.1", "body.attributes", m{"secret": "s", "attributes": []string{"Acct-Session-Id", "acct-session-id"}}},
		{"10.0.0.1", "body.port", m{"secret": "s", "port": 0}},
		{"10.0.0.1", "body.port", m{"secret": "s", "port": 1700, "server": "10.0.0.9:1700"}},
		{"10.0.0.1", "body.source_address", m{"secret": "s", "source_address": "0.0.0.0"}},
		{"10.0.0.1", "body.source_address", m{"secret": "s", "source_address": "2001:db8::1", "server": "10.0.0.9"}},
		{"10.0.0.1", "body.max_in_flight", m{"secret": "s", "max_in_flight": 10001}},
		{"10.0.0.1", "body.max_per_second", m{"secret": "s", "max_per_second": 0}},
		{"10.0.0.1", "body.url", m{"url": "http://gateway.example/", "url_secret": urlSecret}},
		{"10.0.0.1", "body.url", m{"url": "https://10.0.0.7/", "url_secret": urlSecret}},
		{"10.0.0.1", "body.url", m{"preset": "open5gs", "secret": "s"}},
		{"10.0.0.1", "body.url_secret", m{"url": "https://gateway.example/"}},
		{"10.0.0.1", "body.url_secret", m{"url": "https://gateway.example/", "url_secret": "whsec_c2hvcnQ="}},
		{"10.0.0.1", "body.preset", m{"url": "https://gateway.example/", "url_secret": urlSecret, "preset": "mikrotik"}},
		{"10.0.0.1", "body.server", m{"url": "https://gateway.example/", "url_secret": urlSecret, "server": "10.0.0.9"}},
		{"10.0.0.1", "body.attributes", m{"url": "https://gateway.example/", "url_secret": urlSecret, "attributes": []string{"Acct-Session-Id"}}},
	} {
		a := s.gateway("PUT", c.name, s.admin, c.body)
		a.invalid(c.location)
		if strings.Contains(a.text, "with a newline") {
			t.Errorf("the response shows the secret: %s", a.text)
		}
	}
	if n := s.queryInt(`SELECT count(*) FROM radius.nas`); n != 0 {
		t.Errorf("%d gateways were created", n)
	}
}

// Gateways with an address that is refused now can be changed and removed.
func TestGatewaysFromBeforeTheRule(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.exec(`ALTER TABLE radius.nas DISABLE TRIGGER check_gateway`)
	s.exec(`INSERT INTO radius.nas (nasname, network, secret, server) VALUES ('0.0.0.0', '0.0.0.0', 's', '10.0.1')`)
	s.exec(`ALTER TABLE radius.nas ENABLE TRIGGER check_gateway`)
	s.gateway("GET", "0.0.0.0", s.admin, nil).is(200)
	s.gateway("PATCH", "0.0.0.0", s.admin, map[string]any{"description": "x"}).is(200)
	s.gateway("PUT", "0.0.0.0", s.admin, map[string]any{"secret": "t"}).is(200)
	s.gateway("DELETE", "0.0.0.0", s.admin, nil).is(204)
	s.gateway("PUT", "0.0.0.0", s.admin, map[string]any{"secret": "t"}).is(422)
}

// What can be probed, and how often; package command tests probes with workers.
func TestProbeGateway(t *testing.T) {
	t.Parallel()
	s := newTestService(t, func(c *Config) { c.ProbeWait, c.ProbeInterval = time.Millisecond, time.Millisecond })
	type m = map[string]any
	s.exec(`INSERT INTO radius.nas (nasname, server, secret) VALUES ('10.0.0.1', NULL, 's'), ('10.0.0.0/8', NULL, 's'), ('10.64.0.0/10', '192.0.2.1:1700', 's')`)
	for _, c := range []struct {
		name string
		body any
	}{
		{"10.0.0.0/8", nil}, // each gateway has its own address
		{"10.0.0.0/8", m{"nas_address": "192.0.2.1"}},
		{"10.0.0.0/8", m{"nas_address": "10.0.0.1"}}, // another gateway
		{"10.0.0.0/8", m{"nas_address": "10.65.0.1"}},
		{"10.0.0.1", m{"nas_address": "10.0.0.2"}},
		{"10.0.0.1", m{"nas_address": "gateway.example.com"}},
	} {
		s.gateway("POST", c.name, s.support, nil).problem(405, problem.MethodNotAllowed)
		s.probe(c.name, s.support, c.body).invalid("body.nas_address")
	}
	s.probe("192.0.2.1", s.support, nil).problem(404, problem.NotFound)
	if detail := s.probe("10.64.0.7", s.support, nil).problem(404, problem.NotFound).Detail; !strings.Contains(detail, "probe 10.64.0.0/10 with the nas_address 10.64.0.7") {
		t.Errorf("an address in the network of a gateway: %s", detail)
	}
	for _, c := range []struct {
		name, address string
		body          any
	}{{"10.0.0.1", "10.0.0.1", nil}, {"10.64.0.0/10", "10.64.0.0", m{}}, {"10.0.0.0/8", "10.1.0.7", m{"nas_address": "::ffff:10.1.0.7"}}} {
		got := read[Probe](s.probe(c.name, s.support, c.body).is(200))
		equal(t, got, Probe{
			Gateway: c.name, NASAddress: c.address, Outcome: transfer.ProbeNoWorker, Meaning: transfer.ProbeNoWorker.Meaning(), Remedy: transfer.ProbeNoWorker.Remedy(),
			Detail: "no worker took the probe in 1ms",
		})
	}
	for range transfer.MaxProbes - 3 {
		s.probe("10.0.0.1", s.support, nil).is(200)
	}
	a := s.probe("10.0.0.1", s.support, nil)
	a.problem(429, problem.RateLimited)
	if a.header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After: %q", a.header.Get("Retry-After"))
	}
	s.probe("10.0.0.1", s.admin, nil).is(200) // another key
}

func (s *testService) probe(name, key string, body any) testResponse {
	s.t.Helper()
	return s.do(apiCall{method: "POST", path: "/v1/gateways/" + strings.ReplaceAll(name, "/", "%2F") + "/probe", key: key, body: body})
}

// Every outcome is explained, and says what to do unless all is well.
func TestProbeOutcomes(t *testing.T) {
	t.Parallel()
	for _, o := range transfer.ProbeOutcomes() {
		if v := viewProbe(storage.Gateway{GatewayRequests: storage.GatewayRequests{URL: new("https://x.example")}}, netip.MustParseAddr("10.0.0.1"), storage.ProbeAnswer{Outcome: o}); v.Signed != nil || v.Remedy != o.CallRemedy() {
			t.Errorf("a gateway that is called by HTTP: %+v", v)
		}
		v := viewProbe(storage.Gateway{Signed: true}, netip.MustParseAddr("10.0.0.1"), storage.ProbeAnswer{Outcome: o})
		if v.Meaning == "" || (v.Remedy == "") != (o == transfer.ProbeAnswers) || (v.Signed != nil) != o.Answered() {
			t.Errorf("%+v", v)
		}
	}
	for _, signed := range []bool{false, true} {
		v := viewProbe(storage.Gateway{}, netip.MustParseAddr("10.0.0.1"), storage.ProbeAnswer{Outcome: transfer.ProbeAnswers, Signed: signed})
		if strings.Contains(v.Remedy, "Set require_message_authenticator") != signed {
			t.Errorf("%+v", v)
		}
	}
}
