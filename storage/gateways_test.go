package storage_test

import (
	"testing"

	"simtransfer/storage/storagetest"
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
