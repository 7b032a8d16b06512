package storage_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lib/pq"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// The trail keeps what the key was called when it acted.
func TestAuditTrail(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	account := db.Account()
	sim := db.SIMs(1, storagetest.SIM{Account: account.ID})[0]
	key, _, err := db.CreateKey(t.Context(), storage.NewKey{Role: storage.RoleAccount, OperatorID: account.OperatorID, Name: "night shift"})
	if err != nil {
		t.Fatal(err)
	}
	write := func(e storage.AuditEntry) {
		t.Helper()
		if err := db.InTx(t.Context(), func(tx *storage.Tx) error { return tx.Audit(t.Context(), e) }); err != nil {
			t.Fatal(err)
		}
	}
	write(storage.AuditEntry{
		By: storage.Actor{Key: key.ID, Address: "192.0.2.1"}, Action: transfer.AuditSIMUnlock, Account: account.ID, SIM: sim.ID,
		Object: "sim", ObjectID: sim.ICCID, Before: map[string]any{"transfer_lock": true}, After: map[string]any{"transfer_lock": false}, Why: "sold",
	})
	write(storage.AuditEntry{By: storage.Actor{Name: "root"}, Action: transfer.AuditWorkRetry, Object: "work", ObjectID: "7"})
	write(storage.AuditEntry{By: storage.Actor{Address: "192.0.2.9"}, Action: transfer.AuditSignInDenied, Object: "session"})
	write(storage.AuditEntry{By: storage.System(), Action: transfer.AuditPlanPut, Object: "plan", ObjectID: "global-01"})

	read := func(f storage.AuditFilter) (found []string) {
		t.Helper()
		for {
			f.Limit = 2
			page, err := db.AuditTrail(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page {
				found = append(found, string(r.Action)+" by "+string(r.Actor))
			}
			if len(page) < 2 {
				return found
			}
			f.After = storage.AuditCursor{At: page[1].At, ID: page[1].ID}
		}
	}
	before, after := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	unlock := []string{"sim.unlock by key"}
	for name, c := range map[string]struct {
		filter storage.AuditFilter
		want   []string
	}{
		"account":        {storage.AuditFilter{Account: account.ID, Actions: []transfer.AuditAction{transfer.AuditSIMUnlock}}, unlock},
		"SIM":            {storage.AuditFilter{SIM: sim.Identifier()}, unlock},
		"unknown SIM":    {storage.AuditFilter{SIM: storagetest.Identifier("8988211999999999999")}, nil},
		"key":            {storage.AuditFilter{Key: key.ID}, unlock},
		"object":         {storage.AuditFilter{Object: "work", ObjectID: "7"}, []string{"work.retry by command"}},
		"until too late": {storage.AuditFilter{Until: &before}, nil},
		"since too late": {storage.AuditFilter{Since: &after}, nil},
		"actions": {
			storage.AuditFilter{Since: &before, Until: &after, Actions: []transfer.AuditAction{transfer.AuditPlanPut, transfer.AuditSignInDenied, transfer.AuditWorkRetry}},
			[]string{"plan.put by system", "session.sign_in_denied by unknown", "work.retry by command"},
		},
	} {
		if diff := cmp.Diff(c.want, read(c.filter)); diff != "" {
			t.Errorf("by %s: -want +got:\n%s", name, diff)
		}
	}
	got, err := db.AuditTrail(t.Context(), storage.AuditFilter{Key: key.ID, Limit: 1})
	if err != nil || len(got) != 1 {
		t.Fatalf("%d entries, %v", len(got), err)
	}
	text := func(m *json.RawMessage) string { return string(*m) }
	if r := got[0]; *r.Name != "night shift" || *r.KeyHint != key.Hint || *r.KeyRole != storage.RoleAccount || *r.Address != "192.0.2.1" ||
		*r.KeyOperator != account.OperatorID || *r.OperatorID != account.OperatorID || r.ObjectID != sim.ICCID || *r.Why != "sold" ||
		text(r.Before) != `{"transfer_lock": true}` || text(r.After) != `{"transfer_lock": false}` {
		t.Errorf("%+v", r)
	}
}

// The database refuses to change the trail.
func TestAuditIsAppendOnly(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	for _, age := range []string{"1 day", "91 days"} {
		db.Exec(`
			INSERT INTO audit (at, action, actor, object, address, actor_name, before, after, why)
			VALUES (clock_timestamp() - $1::interval, 'account.update', 'command', 'account', '192.0.2.1', 'root', '{"email": "a@example.com", "coverage": "x"}', NULL, 'she asked')`, age)
	}
	for _, c := range []struct {
		statement string
		refused   bool
	}{
		{`UPDATE audit SET action = 'account.close'`, true},
		{`UPDATE audit SET at = at - interval '1 year'`, true},
		{`UPDATE audit SET address = '192.0.2.2'`, true},
		{`UPDATE audit SET actor_name = 'nobody'`, true},
		{`UPDATE audit SET why = NULL`, true},
		{`UPDATE audit SET before = NULL`, true},
		{`UPDATE audit SET before = '{"email": "b@example.com", "coverage": "x"}'`, true},
		{`UPDATE audit SET before = '{"email": "a@example.com"}'`, true},
		{`UPDATE audit SET before = before || '{"standing": "[erased]"}'`, true},
		{`UPDATE audit SET after = '{"email": "[erased]"}'`, true},
		{`UPDATE audit SET account = 1`, true},
		{`DELETE FROM audit`, true},
		{`DELETE FROM audit WHERE at > now() - interval '90 days'`, true},
		{`TRUNCATE audit`, true},
		{`UPDATE audit SET address = NULL`, false},
		{`UPDATE audit SET address = '192.0.2.1'`, true}, // an erased address does not come back
		{`UPDATE audit SET actor_name = '[erased]', why = '[erased]', before = before || '{"email": "[erased]"}'`, false},
		{`DELETE FROM audit WHERE at < now() - interval '90 days'`, false},
	} {
		_, err := db.Pool().ExecContext(t.Context(), c.statement)
		var e *pq.Error
		if refused := errors.As(err, &e) && e.Code == "23001"; refused != c.refused || err != nil && !refused {
			t.Errorf("%s: %v", c.statement, err)
		}
	}
	if left := storagetest.All[int64](db, `SELECT id FROM audit`); len(left) != 1 {
		t.Errorf("%d entries are left, want 1", len(left))
	}
}

// Work that is retried leaves one entry, with the user who ran the command; a
// retry of nothing leaves none.
func TestRetryOfWorkLeavesATrace(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from, to := db.Account(), db.Account()
	db.Request(storagetest.Request{From: from, To: to, SIMs: db.SIMs(1, storagetest.SIM{Account: from.ID})})
	user := storage.Actor{Name: "root@host"}
	for _, dead := range []bool{false, true} {
		if dead {
			db.Exec(`UPDATE work SET dead_at = clock_timestamp(), error = 'x'`)
		}
		if _, err := db.RetryWork(t.Context(), user, nil); err != nil {
			t.Fatal(err)
		}
		list, err := db.AuditTrail(t.Context(), storage.AuditFilter{Actions: []transfer.AuditAction{transfer.AuditWorkRetry}, Limit: 5})
		if err != nil {
			t.Fatal(err)
		}
		if dead != (len(list) == 1) || dead && (*list[0].Name != "root@host" || list[0].Actor != transfer.ActorCommand) {
			t.Errorf("dead work: %t: %+v", dead, list)
		}
	}
}
