package storage_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// A gateway is found by its address in any spelling, and of several networks the
// smallest counts.
func TestGatewayOfSession(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Exec(`INSERT INTO radius.nas (nasname, secret, server) VALUES
		('10.64.0.0/10', 'wide', NULL),
		('10.65.1.7', 'exact', '127.0.0.1'),
		('10.66.0.0/16', 'middle', 'gateway.example.com:1700'),
		(' 10.9.0.1/32 ', 'host', NULL),
		('2001:DB8:0:0::9', 'six', NULL),
		('2001:db8:1::/48', 'six network', '2001:db8::1')`)
	for address, want := range map[string]string{
		"10.65.1.7":        "127.0.0.1:3799 exact",
		"10.65.1.8":        "10.65.1.8:3799 wide",
		"10.66.3.4":        "gateway.example.com:1700 middle",
		"10.9.0.1":         "10.9.0.1:3799 host",
		"::ffff:10.9.0.1":  "10.9.0.1:3799 host",
		"2001:db8::9":      "[2001:db8::9]:3799 six",
		"2001:0db8:1:2::3": "[2001:db8::1]:3799 six network",
		"192.0.2.1":        "",
	} {
		var got string
		db.Get(&got, `
			SELECT coalesce((
				SELECT radius.server_address(server, $1::inet) || ' ' || secret
				FROM radius.nas
				WHERE network >>= radius.plain_address($1::inet)
				ORDER BY masklen(network) DESC
				LIMIT 1
			), '')`, address)
		if got != want {
			t.Errorf("%s: %q, not %q", address, got, want)
		}
	}
}

// What cannot be used is refused when it is written.
func TestGatewaysAreChecked(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Exec(`INSERT INTO radius.nas (nasname, secret) VALUES ('10.0.0.1', 's'), ('10.8.0.0/16', 's')`)
	for name, statement := range map[string]string{
		"a host name":                   `INSERT INTO radius.nas (nasname, secret) VALUES ('gateway.example.com', 's')`,
		"no name":                       `INSERT INTO radius.nas (nasname, secret) VALUES ('', 's')`,
		"an address range":              `INSERT INTO radius.nas (nasname, secret) VALUES ('10.0.0.1-10.0.0.9', 's')`,
		"a blank secret":                `INSERT INTO radius.nas (nasname, secret) VALUES ('10.0.0.2', ' ')`,
		"a port that does not exist":    `INSERT INTO radius.nas (nasname, secret, server) VALUES ('10.0.0.2', 's', '10.0.0.2:70000')`,
		"port 0":                        `INSERT INTO radius.nas (nasname, secret, server) VALUES ('10.0.0.2', 's', '10.0.0.2:0')`,
		"a named port":                  `INSERT INTO radius.nas (nasname, secret, server) VALUES ('10.0.0.2', 's', '10.0.0.2:coa')`,
		"a URL":                         `INSERT INTO radius.nas (nasname, secret, server) VALUES ('10.0.0.2', 's', 'radius://10.0.0.2')`,
		"no IPv6 address":               `INSERT INTO radius.nas (nasname, secret, server) VALUES ('10.0.0.2', 's', '[2001:db8:::1]:3799')`,
		"the same address":              `INSERT INTO radius.nas (nasname, secret) VALUES ('10.0.0.1/32', 's')`,
		"the same address, IPv4-mapped": `INSERT INTO radius.nas (nasname, secret) VALUES ('::ffff:10.0.0.1', 's')`,
		"the same network":              `INSERT INTO radius.nas (nasname, secret) VALUES ('10.8.3.0/16', 's')`,
		"the unspecified address":       `INSERT INTO radius.nas (nasname, secret) VALUES ('0.0.0.0', 's')`,
		"a multicast address":           `INSERT INTO radius.nas (nasname, secret) VALUES ('ff02::1', 's')`,
		"a multicast server":            `INSERT INTO radius.nas (nasname, secret, server) VALUES ('10.0.0.2', 's', '224.0.0.1:3799')`,
		"a change to broadcast":         `UPDATE radius.nas SET nasname = '255.255.255.255' WHERE nasname = '10.0.0.1'`,
		"a change to a mistyped server": `UPDATE radius.nas SET server = '10.0.0.256' WHERE nasname = '10.0.0.1'`,
		"a change to a host name":       `UPDATE radius.nas SET nasname = 'gateway' WHERE nasname = '10.0.0.1'`,
		"a change to an empty secret":   `UPDATE radius.nas SET secret = '' WHERE nasname = '10.0.0.1'`,
	} {
		if _, err := db.Pool().ExecContext(t.Context(), statement); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// The API checks gateways by the rules of the trigger, so that what it accepts
// can be stored, and means the same.
func TestGatewayRulesMatchTheTrigger(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	for _, name := range []string{
		"10.0.0.1", " 10.0.0.1 ", "10.0.0.1/32", "10.8.3.0/16", "0.0.0.0/0", "::ffff:10.0.0.1", "::ffff:10.8.3.0/112", "2001:DB8:0:0::9", "2001:db8:1::/48", "::/0",
	} {
		network, err := transfer.ParseGatewayName(name)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		var same bool
		db.Get(&same, `SELECT network(radius.plain_address(btrim($1)::inet)) = $2::cidr`, name, network.String())
		if !same {
			t.Errorf("%q is %s here, but not in the database", name, network)
		}
	}
	for _, name := range []string{"", "gateway.example.com", "10.0.0.1-10.0.0.9", "10.0.0.0/33", "fe80::1%eth0", "10.0.0"} {
		if network, err := transfer.ParseGatewayName(name); err == nil {
			t.Errorf("%q was taken as %s", name, network)
		}
	}
	for _, name := range []string{
		"10.0.0.1", "127.0.0.1", "0.0.0.0/0", "0.0.0.0/7", "0.0.0.0/8", "0.0.0.0", "0.1.2.3", "1.0.0.0", "223.255.255.255", "224.0.0.0", "224.0.0.0/3", "224.0.0.0/4",
		"239.255.255.255", "240.0.0.1", "255.255.255.254", "255.255.255.255", "::ffff:0.0.0.0", "::ffff:224.0.0.1", "::/0", "::", "::1", "ff00::/8", "ff02::1", "fe00::/7", "2001:db8::1",
	} {
		network, err := transfer.ParseGatewayName(name)
		if err != nil {
			t.Errorf("%q: %v", name, err)
		}
		_, insertErr := db.Pool().ExecContext(t.Context(), `INSERT INTO radius.nas (nasname, secret) VALUES ($1, 's')`, name)
		if err := transfer.CheckGatewayNetwork(network); (err == nil) != (insertErr == nil) {
			t.Errorf("%s here: %v; in the database: %v", name, err, insertErr)
		}
	}
	db.Exec(`DELETE FROM radius.nas`)
	for _, server := range []string{
		"0.0.0.0", "0.0.0.0:3799", "[::]:3799", "::", "255.255.255.255:3799", "224.0.0.1", "[ff02::1]:3799", "::ffff:0.0.0.0", "127.0.0.1", "[::1]:3799",
		"10.0.1", "10.0.0.256", "0x7f.1", "2130706433:3799", "010.0.0.1", "10.0.0.1.", "1.2.3.4.5", "gateway.10", "10.gateway", "gateway.0xg", "gateway.0x", "x",
		"10.0.0.1", "10.0.0.1:3799", "gateway.example.com", "gateway_1.example.com:1700", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:3799", "::ffff:10.0.0.1", "10.0.0.1:65535",
		"10.0.0.1:0", "10.0.0.1:70000", "10.0.0.1:coa", "10.0.0.1:", "radius://10.0.0.1", "[2001:db8:::1]:3799", "a b", "10.0.0.1:+1", ":3799", "[10.0.0.1", "[::1]x", "a:1:2", "ä.example.com", "[::1%eth0]:1",
	} {
		_, err := transfer.ParseGatewayServer(server)
		_, insertErr := db.Pool().ExecContext(t.Context(), `INSERT INTO radius.nas (nasname, secret, server) VALUES ('10.0.0.1', 's', $1)`, server)
		if (insertErr == nil) != (err == nil) {
			t.Errorf("server %q in the database: %v, here: %v", server, insertErr, err)
		}
		db.Exec(`DELETE FROM radius.nas`)
	}
}

// A gateway with open sessions stays, unless they are of a smaller network.
func TestRemoveGateway(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Exec(`INSERT INTO radius.nas (nasname, secret) VALUES ('10.0.0.0/8', 's'), ('10.1.0.0/16', 's'), ('10.9.0.1', 's'), ('2001:db8::/32', 's')`)
	open := func(address string) {
		db.Exec(`INSERT INTO radius.radacct (acctsessionid, acctuniqueid, nasipaddress, acctstarttime) VALUES ($1::text, $1::text, $1::text::inet, clock_timestamp())`, address)
	}
	remove := func(name string, leave bool) error {
		return db.DeleteGateway(t.Context(), storage.System(), netip.MustParsePrefix(name), leave, func(storage.Gateway) error { return nil })
	}
	open("10.1.2.3")
	open("::ffff:10.1.2.4")
	open("2001:db8::7")
	for name, sessions := range map[string]int{"10.1.0.0/16": 2, "2001:db8::/32": 1} {
		var inUse *storage.OpenSessionsError
		if err := remove(name, false); !errors.As(err, &inUse) || inUse.Sessions != sessions {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := remove("10.0.0.0/8", false); err != nil {
		t.Errorf("its open sessions are of a smaller network: %v", err)
	}
	if err := remove("10.1.0.0/16", true); err != nil {
		t.Error(err)
	}
	db.Exec(`UPDATE radius.radacct SET acctstoptime = clock_timestamp()`)
	if err := remove("2001:db8::/32", false); err != nil {
		t.Error(err)
	}
	if err := remove("10.0.0.0/8", false); !errors.Is(err, storage.ErrNotFound) {
		t.Error(err)
	}
}

// The instant of the secret changes only with the secret, also if another program
// writes the row.
func TestSecretSetAt(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Exec(`INSERT INTO radius.nas (nasname, secret) VALUES ('10.0.0.1', 'one')`)
	at := func() time.Time { return storagetest.One[time.Time](db, `SELECT secret_set_at FROM radius.nas`) }
	first := at()
	db.Exec(`UPDATE radius.nas SET secret = 'one', description = 'x', secret_set_at = NULL`)
	if !at().Equal(first) {
		t.Error("it changed without the secret")
	}
	db.Exec(`UPDATE radius.nas SET secret = 'two'`)
	if !at().After(first) {
		t.Error("it did not change with the secret")
	}
	if audit := strings.Join(storagetest.All[string](db, `SELECT coalesce(after::text, '') FROM audit`), " "); strings.Contains(audit, "two") {
		t.Errorf("the audit trail has the secret: %s", audit)
	}
}

// A probe is carried out once, while someone waits for it, and asked for at most
// MaxProbes times per minute by a key.
func TestProbesAreTakenOnce(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Exec(`INSERT INTO radius.nas (nasname, server, secret) VALUES ('10.0.0.0/8', NULL, 'wide'), ('10.9.0.1', 'gateway.example.com', 'exact')`)
	network := netip.MustParsePrefix("10.0.0.0/8")
	g, err := db.DB.Gateway(t.Context(), network)
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := db.CreateKey(t.Context(), storage.NewKey{Role: storage.RoleSupport, Name: "support"})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() (int64, error) {
		return db.AskProbe(t.Context(), storage.Actor{Key: key.ID}, g, network, netip.MustParseAddr("10.0.0.7"))
	}
	id, err := ask()
	if err != nil {
		t.Fatal(err)
	}
	p, err := db.TakeProbe(t.Context())
	want := storage.GatewayProbe{ID: id, NAS: "10.0.0.7", SessionGateway: storage.SessionGateway{Gateway: &g.ID, Server: new("10.0.0.7:3799"), Secret: new("wide")}}
	if diff := cmp.Diff(want, p); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := db.TakeProbe(t.Context()); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("taken twice: %v", err)
	}
	if state, err := db.StateOfProbe(t.Context(), id); err != nil || !state.Taken || state.Answer != nil {
		t.Errorf("%+v, %v", state, err)
	}
	answer := storage.ProbeAnswer{Outcome: transfer.ProbeSilent, Address: *p.Server, Sent: 3}
	if err := db.AnswerProbe(t.Context(), id, answer); err != nil {
		t.Fatal(err)
	}
	if state, err := db.StateOfProbe(t.Context(), id); err != nil || *state.Answer != answer {
		t.Errorf("%+v, %v", state, err)
	}
	for range transfer.MaxProbes - 1 {
		if _, err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ask(); !errors.Is(err, storage.ErrTooMany) {
		t.Errorf("over the limit: %v", err)
	}
	db.Exec(`UPDATE gateway_probes SET asked_at = asked_at - interval '1 minute'`)
	if _, err := db.TakeProbe(t.Context()); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("an old probe was taken: %v", err)
	}
	if _, err := ask(); err != nil {
		t.Errorf("a minute later: %v", err)
	}
	db.Exec(`UPDATE gateway_probes SET asked_at = asked_at - interval '1 hour'`)
	if _, err := ask(); err != nil {
		t.Error(err)
	}
	if n := storagetest.One[int](db, `SELECT count(*) FROM gateway_probes`); n != 1 {
		t.Errorf("%d probes are kept", n)
	}
}

// What the database stores of a gateway is what a worker gets with a session of it,
// and with a probe.
func TestGatewayOfWorkers(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	account := db.Account()
	sim := db.SIM(storagetest.SIM{Account: account.ID, Status: transfer.Active})
	key, _, err := db.CreateKey(t.Context(), storage.NewKey{Role: storage.RoleSupport, Name: "support"})
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, settings storage.GatewaySettings) storage.Gateway {
		t.Helper()
		network, err := transfer.ParseGatewayName(name)
		if err != nil {
			t.Fatal(err)
		}
		g, err := db.PutGateway(t.Context(), storage.System(), network, func(*storage.Gateway) (storage.GatewaySettings, error) { return settings, nil })
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(settings.GatewayRequests, g.GatewayRequests); diff != "" {
			t.Errorf("%s (-given +stored):\n%s", name, diff)
		}
		return g
	}
	radius := put("10.0.0.1", storage.GatewaySettings{Secret: new("s"), GatewayRequests: storage.GatewayRequests{
		Preset: transfer.PresetRuckus, Attributes: []string{"Acct-Session-Id", "Service-Type"}, Port: new(1700), Source: new("192.0.2.5"), MaxInFlight: new(7), MaxPerSecond: new(9),
	}})
	http := put("10.0.0.2", storage.GatewaySettings{URLSecret: new("whsec_x"), GatewayRequests: storage.GatewayRequests{Preset: transfer.PresetHTTP, URL: new("https://gateway.example/drop")}})
	if http.SecretSetAt != nil || !http.SecretUnset || http.URLSecretSetAt == nil || http.Address != nil || *radius.Address != "10.0.0.1:1700" || radius.URLSecretSetAt != nil {
		t.Errorf("%+v, %+v", radius, http)
	}
	if n := storagetest.One[int](db, `SELECT length(secret) FROM radius.nas WHERE nasname = '10.0.0.2'`); n < 20 {
		t.Errorf("the RADIUS secret of a gateway without one has %d characters", n)
	}
	want := map[string]storage.SessionGateway{
		"10.0.0.1": {
			Gateway: &radius.ID, Server: new("10.0.0.1:1700"), Secret: new("s"), Attributes: []string{"Acct-Session-Id", "Service-Type"}, Source: "192.0.2.5",
			MaxInFlight: 7, MaxPerSecond: 9,
		},
		"10.0.0.2": {Gateway: &http.ID, URL: new("https://gateway.example/drop"), URLSecret: new("whsec_x")},
	}
	for address, w := range want {
		id := db.Online(sim, address)
		db.Exec(`UPDATE radius.radacct SET imsi = '001010000000001', framedipaddress = '198.51.100.9', framedipv6prefix = '2001:db8:1::/48', nasidentifier = 'pgw=2D1',
			escaped = true, nasport = 17, nasportid = 'port=201', nsapi = '5', class = '0x61', servicetype = 'Framed-User' WHERE radacctid = $1`, id)
		list, err := db.SessionsOf(t.Context(), storage.Work{Kind: transfer.WorkDropStray, Items: []int64{id}})
		if err != nil || len(list) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		got := list[0]
		if got.URL != nil {
			got.Secret = nil // unknown
		}
		if diff := cmp.Diff(w, got.SessionGateway); diff != "" {
			t.Errorf("%s (-want +got):\n%s", address, diff)
		}
		if got.IMSI != "001010000000001" || got.FramedIP != "198.51.100.9" || got.FramedIPv6Prefix != "2001:db8:1::/48" || got.NASIdentifier != "pgw-1" ||
			got.NASPort != "17" || got.NASPortID != "port 1" || got.NSAPI != "5" || got.Class != "0x61" || got.ServiceType != "Framed-User" {
			t.Errorf("%+v", got)
		}
		for stored, sent := range map[string][2]string{"17": {"17", ""}, "18": {"17", "18"}, "": {"17", ""}} {
			db.Exec(`UPDATE radius.radacct SET nasportid = nullif($2, '') WHERE radacctid = $1`, id, stored)
			list, err := db.SessionsOf(t.Context(), storage.Work{Kind: transfer.WorkDropStray, Items: []int64{id}})
			if err != nil || list[0].NASPort != sent[0] || list[0].NASPortID != sent[1] {
				t.Errorf("nasportid %q: %+v, %v", stored, list, err)
			}
		}
		db.Exec(`UPDATE radius.radacct SET nasportid = '19', nasport = NULL WHERE radacctid = $1`, id) // as stock queries store NAS-Port
		if list, err := db.SessionsOf(t.Context(), storage.Work{Kind: transfer.WorkDropStray, Items: []int64{id}}); err != nil || list[0].NASPort != "19" || list[0].NASPortID != "" {
			t.Errorf("%+v, %v", list, err)
		}
		g, network := radius, netip.MustParsePrefix(address+"/32")
		if w.URL != nil {
			g = http
		}
		if _, err := db.AskProbe(t.Context(), storage.Actor{Key: key.ID}, g, network, network.Addr()); err != nil {
			t.Fatal(err)
		}
		p, err := db.TakeProbe(t.Context())
		w.MaxInFlight, w.MaxPerSecond = 0, 0 // a probe is one request
		if w.URL != nil {
			p.Secret = nil
		}
		if diff := cmp.Diff(w, p.SessionGateway); err != nil || diff != "" {
			t.Errorf("the probe of %s: %v (-want +got):\n%s", address, err, diff)
		}
	}
}

// A URL needs a secret of its own, and settings that cannot be used are refused.
func TestGatewaysWithoutRADIUS(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	network := netip.MustParsePrefix("10.0.0.1/32")
	put := func(s storage.GatewaySettings) error {
		_, err := db.PutGateway(t.Context(), storage.System(), network, func(*storage.Gateway) (storage.GatewaySettings, error) { return s, nil })
		return err
	}
	url := storage.GatewayRequests{URL: new("https://gateway.example/")}
	if err := put(storage.GatewaySettings{GatewayRequests: url}); !errors.Is(err, storage.ErrNoURLSecret) {
		t.Error(err)
	}
	if err := put(storage.GatewaySettings{Secret: new("s")}); err != nil {
		t.Fatal(err)
	}
	if err := put(storage.GatewaySettings{GatewayRequests: url}); !errors.Is(err, storage.ErrNoURLSecret) {
		t.Error(err)
	}
	if err := put(storage.GatewaySettings{GatewayRequests: url, URLSecret: new("whsec_a")}); err != nil {
		t.Error(err)
	}
	if err := put(storage.GatewaySettings{GatewayRequests: url}); err != nil {
		t.Errorf("its secret stays: %v", err)
	}
	if err := put(storage.GatewaySettings{}); err != nil {
		t.Error(err)
	}
	if n := storagetest.One[int](db, `SELECT count(*) FROM radius.nas WHERE url_secret IS NULL AND url_secret_set_at IS NULL AND secret = 's'`); n != 1 {
		t.Error("the secret of the URL is left over, or the other one has changed")
	}
	for name, set := range map[string]string{
		"a preset": `preset = 'cisco'`, "an attribute": `attributes = '{Acct-Session-Id,Foo}'`, "no session id": `attributes = '{User-Name}'`, "an empty list": `attributes = '{}'`,
		"a port": `disconnect_port = 0`, "in flight": `max_in_flight = 0`, "per second": `max_per_second = -1`, "a URL without a secret": `url = 'https://x.example'`,
	} {
		if _, err := db.Pool().ExecContext(t.Context(), `UPDATE radius.nas SET `+set); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	for _, p := range transfer.GatewayPresets() {
		settings := storage.GatewaySettings{GatewayRequests: storage.GatewayRequests{Preset: p}}
		for _, a := range p.Rules().Attributes {
			settings.Attributes = append(settings.Attributes, string(a))
		}
		if err := put(settings); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
}

// It is known of a gateway with a URL whether someone has set its RADIUS secret, and one
// that gets Disconnect-Requests again needs one.
func TestUnsetGatewaySecret(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	network := netip.MustParsePrefix("10.0.0.2/32")
	put := func(s storage.GatewaySettings) (storage.Gateway, error) {
		return db.PutGateway(t.Context(), storage.System(), network, func(*storage.Gateway) (storage.GatewaySettings, error) { return s, nil })
	}
	called := storage.GatewaySettings{URLSecret: new("whsec_x"), GatewayRequests: storage.GatewayRequests{Preset: transfer.PresetHTTP, URL: new("https://gateway.example/drop")}}
	for range 2 {
		if g, err := put(called); err != nil || !g.SecretUnset || g.SecretSetAt != nil {
			t.Fatalf("without a secret: %+v, %v", g, err)
		}
	}
	if _, err := put(storage.GatewaySettings{}); !errors.Is(err, storage.ErrNoSecret) {
		t.Errorf("without a URL and a secret: %v", err)
	}
	with := called
	with.Secret = new("of its accounting")
	if g, err := put(with); err != nil || g.SecretUnset || g.SecretSetAt == nil {
		t.Errorf("with a secret: %+v, %v", g, err)
	}
	if g, err := put(called); err != nil || g.SecretUnset || g.SecretSetAt == nil {
		t.Errorf("the secret was kept: %+v, %v", g, err)
	}
	if g, err := put(storage.GatewaySettings{}); err != nil || g.SecretUnset || g.URL != nil {
		t.Errorf("without a URL: %+v, %v", g, err)
	}
	// Another program that writes a secret has set it.
	db.Exec(`UPDATE radius.nas SET url = 'https://gateway.example/drop', url_secret = 'whsec_x', secret_unset = true`)
	db.Exec(`UPDATE radius.nas SET secret = 'written'`)
	if n := storagetest.One[int](db, `SELECT count(*) FROM radius.nas WHERE NOT secret_unset AND secret_set_at IS NOT NULL`); n != 1 {
		t.Error("a secret that another program has written counts as unset")
	}
}
