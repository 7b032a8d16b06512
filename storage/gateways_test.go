package storage_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

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
	for _, server := range []string{
		"10.0.0.1", "10.0.0.1:3799", "gateway.example.com", "gateway_1.example.com:1700", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:3799", "::ffff:10.0.0.1", "10.0.0.1:65535",
		"10.0.0.1:0", "10.0.0.1:70000", "10.0.0.1:coa", "10.0.0.1:", "radius://10.0.0.1", "[2001:db8:::1]:3799", "a b", "10.0.0.1:+1", ":3799", "[10.0.0.1", "[::1]x", "a:1:2", "ä.example.com", "[::1%eth0]:1",
	} {
		_, err := transfer.ParseGatewayServer(server)
		var valid bool
		db.Get(&valid, `SELECT radius.server_address($1, '10.0.0.1') IS NOT NULL`, server)
		if valid != (err == nil) {
			t.Errorf("server %q is valid in the database: %t, here: %v", server, valid, err)
		}
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
	if want := (storage.GatewayProbe{ID: id, NAS: "10.0.0.7", Address: "10.0.0.7:3799", Secret: "wide"}); err != nil || p != want {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := db.TakeProbe(t.Context()); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("taken twice: %v", err)
	}
	if state, err := db.StateOfProbe(t.Context(), id); err != nil || !state.Taken || state.Answer != nil {
		t.Errorf("%+v, %v", state, err)
	}
	answer := storage.ProbeAnswer{Outcome: transfer.ProbeSilent, Address: p.Address, Sent: 3}
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
