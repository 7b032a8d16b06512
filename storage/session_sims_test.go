package storage_test

import (
	"testing"

	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// A session belongs to the SIM that its 3GPP-IMSI names, or else its User-Name, or
// else its Calling-Station-Id, in all the forms that gateways and FreeRADIUS use. A
// session of an unknown SIM is accepted too.
func TestSIMOfSession(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	account := db.Account()
	list := db.SIMs(2, storagetest.SIM{Account: account.ID})
	one, other := list[0], list[1]
	const nai = "@nai.epc.mnc001.mcc001.3gppnetwork.org"
	short := one.IMSI[1:] // 14 digits, as an IMSI with a short MSIN
	db.Exec(`INSERT INTO identifiers (identifier, sim, kind) VALUES ($1, $2, 'imsi')`, short, other.ID)
	for i, c := range []struct {
		imsi, username, calling any
		want                    int64 // 0: no SIM
	}{
		{nil, one.IMSI, nil, one.ID},
		{nil, one.IMSI + "@apn.example", nil, one.ID},
		{nil, "+" + one.MSISDN, nil, one.ID},
		{nil, "00" + one.MSISDN, nil, one.ID},
		{nil, "00" + one.MSISDN + "@apn.example", nil, one.ID},
		{nil, nil, one.MSISDN, one.ID},
		{nil, nil, "+" + one.MSISDN, one.ID},
		{nil, nil, "00" + one.MSISDN, one.ID},
		{nil, nil, "tel:+" + one.MSISDN, one.ID},
		{nil, "user@apn.example", one.MSISDN, one.ID},
		{nil, one.IMSI, other.MSISDN, one.ID},
		{nil, one.ICCID, nil, one.ID},
		{one.IMSI, other.IMSI, other.MSISDN, one.ID},
		{one.IMSI, "user", nil, one.ID},
		{"", "user", other.MSISDN, other.ID},
		{"999999999999999", other.IMSI, nil, other.ID},

		// Identities of EAP-SIM, EAP-AKA and EAP-AKA', and 5G.
		{nil, "0" + one.IMSI + nai, nil, one.ID},
		{nil, "1" + one.IMSI + nai, nil, one.ID},
		{nil, "6" + one.IMSI + "@wlan.mnc001.mcc001.3gppnetwork.org", nil, one.ID},
		{nil, "0" + one.IMSI, nil, one.ID}, // the realm was stripped
		{nil, "0" + short + nai, nil, other.ID},
		{nil, "nai.epc.mnc002.mcc002.3gppnetwork.org!0" + one.IMSI + nai, nil, one.ID},
		{nil, `REALM\` + one.IMSI, nil, one.ID},
		{nil, "imsi-" + one.IMSI, nil, one.ID},
		{one.IMSI + "F", nil, nil, one.ID},
		{short + "ff", nil, nil, other.ID},
		{"F" + one.IMSI, nil, nil, 0},
		{nil, "9" + one.IMSI + nai, nil, 0},

		// As rlm_sql escapes them.
		{nil, nil, "=2B" + one.MSISDN, one.ID},
		{nil, "=2B" + one.MSISDN + "@apn=2Bx", nil, one.ID},
		{nil, "realm=210" + one.IMSI + nai, nil, one.ID},
		{nil, "REALM=5C" + one.IMSI, nil, one.ID},
		{nil, "=FF=2B" + one.MSISDN, nil, 0}, // not UTF-8

		// These could be other SIMs and subscribers.
		{nil, "2" + short, nil, 0},
		{nil, nil, "1" + one.MSISDN, 0},
		{nil, "user", "123456789", 0},
		{nil, nil, nil, 0},
		{nil, "", "", 0},
	} {
		var sim *int64
		db.Get(&sim, `
			INSERT INTO radius.radacct (acctsessionid, acctuniqueid, imsi, username, callingstationid, nasipaddress, acctstarttime)
			VALUES ($1, $1, $2, $3, $4, '10.0.0.1', clock_timestamp())
			RETURNING sim`, i, c.imsi, c.username, c.calling)
		if (sim == nil) != (c.want == 0) || sim != nil && *sim != c.want {
			t.Errorf("3GPP-IMSI %v, User-Name %v, Calling-Station-Id %v: SIM %v, want %d", c.imsi, c.username, c.calling, sim, c.want)
		}
	}
	db.Check()
}

// unescaped reverses the escaping of rlm_sql, and leaves values alone that were
// not escaped.
func TestUnescaped(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	yes, no := true, false
	for _, c := range []struct {
		stored  string
		escaped *bool
		want    string
	}{
		{"plain", nil, "plain"},
		{"EPC=2B17=234=3Da", nil, "EPC+17#4=a"},
		{"EPC=2B17=234=3Da", &yes, "EPC+17#4=a"},
		{"EPC=2B17", &no, "EPC=2B17"},
		{"a=3D2Bb", nil, "a=2Bb"},
		{"=E9=00=FF", nil, "\xe9\x00\xff"},
		{"é=2B", nil, "é+"},       // rlm_sql does not escape UTF-8
		{"a=b", nil, "a=b"},       // it would have been a=3Db
		{"a=2b", nil, "a=2b"},     // the digits are in upper case
		{"a+b=2B", nil, "a+b=2B"}, // + would have been =2B
		{"a=2B=", nil, "a=2B="},   // incomplete
		{"a=b=2B", &yes, "a=b+"},  // known to be escaped
		{"line\nbreak=2B", nil, "line\nbreak=2B"},
		{`a\nb\r\t`, &yes, "a\nb\r\t"},
		{`a\n=5Cn\x=`, &yes, "a\n\\n\\x="},
		{`realm\nick`, nil, `realm\nick`}, // written without escaping
		{`realm\nick`, &no, `realm\nick`},
		{"", nil, ""},
	} {
		var got []byte
		db.Get(&got, `SELECT radius.unescaped($1, $2)`, c.stored, c.escaped)
		if string(got) != c.want {
			t.Errorf("%q is %q, want %q", c.stored, got, c.want)
		}
	}
}

// unescaped_username also reverses what FreeRADIUS does to User-Name before.
func TestUnescapedUsername(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	for _, c := range [][2]string{
		{"user@apn.example", "user@apn.example"},
		{"=2B491500=40apn", "+491500@apn"},
		{`realm=5C=5Cuser`, `realm\user`},
		{`realm\\user`, `realm\user`},
		{`=5C351=5C377=23`, "\xe9\xff#"},
		{`=5C=5C351=5C=22=5Cn=5Ct`, "\\351\"\n\t"},
		{`é=5C351`, "é\xe9"},
		{`realm\user`, `realm\user`}, // not written by FreeRADIUS
		{``, ``},
	} {
		var got []byte
		db.Get(&got, `SELECT radius.unescaped_username($1, NULL)`, c[0])
		if string(got) != c[1] {
			t.Errorf("%q is %q, want %q", c[0], got, c[1])
		}
	}
}

// Only the start of a session makes a ready SIM active. SIMs in other states keep
// their status.
func TestSessionStartActivatesSIM(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	account, gateway := db.Account(), db.Gateway()
	for _, status := range transfer.Statuses() {
		sim := db.SIM(storagetest.SIM{Account: account.ID, Status: status})
		db.Online(sim, gateway)
		want := status
		if status == transfer.Ready {
			want = transfer.Active
		}
		if got := storagetest.One[transfer.Status](db, `SELECT status FROM sims WHERE id = $1`, sim.ID); got != want {
			t.Errorf("a SIM that was %s is %s, want %s", status, got, want)
		}
	}
	over := db.SIM(storagetest.SIM{Account: account.ID})
	db.Exec(`
		INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime, acctstoptime)
		VALUES ('over', 'over', $1, '10.0.0.1', clock_timestamp() - interval '2 h', clock_timestamp() - interval '1 h')`, over.IMSI)
	if got := storagetest.One[transfer.Status](db, `SELECT status FROM sims WHERE id = $1`, over.ID); got != transfer.Ready {
		t.Errorf("a session that was reported after its end made its SIM %s", got)
	}
	db.Check()
}

// Interim updates and stops take no lock on the SIM. A hand-over locks the SIM
// first and its sessions second, so the opposite order could deadlock.
func TestSessionUpdatesDoNotLockSIM(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	account := db.Account()
	sim := db.SIM(storagetest.SIM{Account: account.ID, Status: transfer.Active})
	session := db.Online(sim, db.Gateway())
	letGo := db.HoldSQL(`SELECT FROM sims FOR UPDATE`)
	defer letGo()
	db.Exec(`SET lock_timeout = '1s'; UPDATE radius.radacct SET acctupdatetime = clock_timestamp(), acctinputoctets = 1; RESET lock_timeout`)
	db.Exec(`UPDATE radius.radacct SET acctstoptime = clock_timestamp(), acctterminatecause = 'User-Request' WHERE radacctid = $1`, session)
}
