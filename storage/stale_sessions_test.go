package storage_test

import (
	"testing"
	"time"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
)

// Only sessions without news are closed, at the time of their last news, and that
// is on record.
func TestCloseStaleSessions(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	a := db.Account()
	sims := db.SIMs(3, storagetest.SIM{Account: a.ID})
	gateway := db.Gateway()
	old, older, fresh := db.Session(sims[0], gateway, 30*24*time.Hour), db.Session(sims[1], gateway, 60*24*time.Hour), db.Session(sims[2], gateway, 60*24*time.Hour)
	db.Exec(`UPDATE radius.radacct SET acctupdatetime = clock_timestamp() - interval '1 hour' WHERE radacctid = $1`, fresh)
	const week = 7 * 24 * time.Hour

	list, err := db.StaleSessions(t.Context(), week, 0, 10)
	if err != nil || len(list) != 2 || list[0].ID != old || list[1].ID != older || list[0].ICCID == nil || *list[0].ICCID != sims[0].ICCID || list[0].Gateway != gateway {
		t.Errorf("%+v, %v", list, err)
	}
	by := storage.Actor{Name: "operator"}
	if n, err := db.CloseStaleSessions(t.Context(), by, week, []int64{old, fresh}, 10); n != 1 || err != nil {
		t.Errorf("%d sessions were closed, %v", n, err)
	}
	if n, err := db.CloseStaleSessions(t.Context(), storage.System(), week, nil, 10); n != 1 || err != nil {
		t.Errorf("%d sessions were closed, %v", n, err)
	}
	if n, err := db.CloseStaleSessions(t.Context(), storage.System(), week, nil, 10); n != 0 || err != nil {
		t.Errorf("%d sessions were closed again, %v", n, err)
	}
	if n := storagetest.One[int](db, `SELECT count(*) FROM radius.radacct WHERE acctstoptime = acctstarttime AND acctterminatecause = 'Stale-Session'`); n != 2 {
		t.Errorf("%d sessions ended at their last news", n)
	}
	if n := storagetest.One[int](db, `SELECT count(*) FROM radius.radacct WHERE acctstoptime IS NULL`); n != 1 {
		t.Errorf("%d sessions are open", n)
	}
	if n := storagetest.One[int](db, `SELECT count(*) FROM audit WHERE action = 'data_session.close'`); n != 2 {
		t.Errorf("%d audit entries", n)
	}
}
