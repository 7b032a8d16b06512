package storage_test

import (
	"testing"

	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// A session belongs to the SIM named by its User-Name, or else by its
// Calling-Station-Id, in all the forms that gateways use. A session of an unknown
// SIM is accepted too.
func TestSIMOfSession(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	account := db.Account()
	list := db.SIMs(2, storagetest.SIM{Account: account.ID})
	one, other := list[0], list[1]
	for i, c := range []struct {
		username, calling any
		want              int64 // 0: no SIM
	}{
		{one.IMSI, nil, one.ID},
		{one.IMSI + "@apn.example", nil, one.ID},
		{"+" + one.MSISDN, nil, one.ID},
		{nil, one.MSISDN, one.ID},
		{nil, "+" + one.MSISDN, one.ID},
		{"user@apn.example", one.MSISDN, one.ID},
		{one.IMSI, other.MSISDN, one.ID},
		{one.ICCID, nil, one.ID},
		{"user", "123456789", 0},
		{nil, nil, 0},
		{"", "", 0},
	} {
		var sim *int64
		db.Get(&sim, `
			INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, callingstationid, nasipaddress, acctstarttime)
			VALUES ($1, $1, $2, $3, '10.0.0.1', clock_timestamp())
			RETURNING sim`, i, c.username, c.calling)
		if (sim == nil) != (c.want == 0) || sim != nil && *sim != c.want {
			t.Errorf("User-Name %v, Calling-Station-Id %v: SIM %v, want %d", c.username, c.calling, sim, c.want)
		}
	}
	db.Check()
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
