package command

import (
	"net"
	"strings"
	"testing"

	"simtransfer/storage/storagetest"
)

// Only a host name can fail to resolve.
func TestCheckGatewayNames(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Exec(`INSERT INTO radius.nas (nasname, server, secret) VALUES
		('10.0.0.1', NULL, 's'), ('10.0.0.0/8', NULL, 's'), ('10.0.0.2', '[2001:db8::1]:3799', 's'),
		('10.0.0.3', 'gateway.invalid', 's'), ('10.64.0.0/10', 'gateway.invalid:1700', 's')`)
	db.Exec(`INSERT INTO radius.nas (nasname, secret, url, url_secret) VALUES
		('10.0.0.4', 's', 'https://192.0.2.1/x', 'whsec_'), ('192.0.2.9', 's', 'https://core.invalid/x', 'whsec_')`)
	f, err := checkGatewayNames(t.Context(), db.DB, net.DefaultResolver)
	if err != nil {
		t.Fatal(err)
	}
	if f.Violations != 3 || len(f.Examples) != 3 || !strings.HasPrefix(f.Examples[2], "gateway 192.0.2.9: ") || !strings.HasPrefix(f.Examples[0], "gateway 10.0.0.3: ") || !strings.HasPrefix(f.Examples[1], "gateway 10.64.0.0/10: ") {
		t.Errorf("%+v", f)
	}
}
