package storage_test

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// The trigger runs for the starts of sessions for which it decides something, and for
// no others: those are stored a batch at a time.
func TestStartsThatNeedNoDecision(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	account := db.Account().ID
	db.Exec(`
		CREATE OR REPLACE FUNCTION radius.before_session() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			NEW.start_error := 'the trigger ran';
			RETURN NEW;
		END
		$$`)
	now := time.Now()
	class := func(since time.Time) string {
		return "0x" + hex.EncodeToString(fmt.Appendf(nil, "since=%d", since.UnixMicro()))
	}
	active := func() storagetest.SIM { return db.SIM(storagetest.SIM{Account: account, Status: transfer.Active}) }
	since := func(sim storagetest.SIM) time.Time {
		return storagetest.One[time.Time](db, `SELECT since FROM sims WHERE id = $1`, sim.ID)
	}
	var reports []storage.SessionReport
	want := map[string]bool{} // whether the trigger runs, by Acct-Session-Id
	add := func(name string, decides bool, r storage.SessionReport) {
		r.Kind, r.Key, r.SessionID, r.Packet = storage.SessionStart, name, name, []byte(name)
		r.NAS = netip.MustParseAddr("10.0.0.1")
		if r.Event == nil {
			r.Event = &now
		}
		reports, want[name] = append(reports, r), decides
	}
	ago := now.Add(-2 * time.Hour) // before the SIMs were registered
	ahead := now.Add(time.Hour)
	add("IMSI", false, storage.SessionReport{Username: active().IMSI})
	add("IMSI of 3GPP", false, storage.SessionReport{IMSI: active().IMSI, Username: "apn"})
	add("realm", false, storage.SessionReport{Username: active().IMSI + "@iot.example"})
	add("MSISDN", false, storage.SessionReport{CallingStationID: "+" + active().MSISDN})
	add("another Class", false, storage.SessionReport{Username: active().IMSI, Class: "0x00"})
	sim := active()
	add("Class of the owner", false, storage.SessionReport{Username: sim.IMSI, Class: class(since(sim)), Event: &ago})
	sim = active()
	add("Class of an earlier owner", true, storage.SessionReport{Username: sim.IMSI, Class: class(since(sim).Add(-time.Hour))})
	add("earlier start", true, storage.SessionReport{Username: active().IMSI, Event: &ago})
	add("ready", true, storage.SessionReport{Username: db.SIM(storagetest.SIM{Account: account}).IMSI})
	add("no SIM", true, storage.SessionReport{Username: "nobody"})
	add("clock", true, storage.SessionReport{Username: active().IMSI, Event: &ahead})

	if _, err := db.RecordSessions(t.Context(), reports); err != nil {
		t.Fatal(err)
	}
	type stored struct {
		Session string `db:"acctsessionid"`
		Decided bool   `db:"decided"`
		Linked  bool   `db:"linked"`
	}
	list := storagetest.All[stored](db, `SELECT acctsessionid, start_error IS NOT NULL AS decided, sim IS NOT NULL AS linked FROM radius.radacct`)
	if len(list) != len(reports) {
		t.Errorf("%d of %d sessions are stored", len(list), len(reports))
	}
	for _, s := range list {
		if s.Decided != want[s.Session] {
			t.Errorf("%s: the trigger ran: %t, want %t", s.Session, s.Decided, want[s.Session])
		}
		if !s.Decided && !s.Linked {
			t.Errorf("%s: the session has no SIM", s.Session)
		}
	}
}
