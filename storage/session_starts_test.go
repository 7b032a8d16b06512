package storage_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// Whatever fails in the trigger, the start of a session is stored, with the error.
// The check reports it until the link loop has done what the trigger could not.
func TestStartIsStoredDespiteErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, break_, mend string }{
		{"identifiers", `ALTER TABLE identifiers RENAME TO broken`, `ALTER TABLE broken RENAME TO identifiers`},
		{"sims", `ALTER TABLE sims RENAME COLUMN status TO broken`, `ALTER TABLE sims RENAME COLUMN broken TO status`},
		{"work", `ALTER TABLE work RENAME COLUMN gateway TO broken`, `ALTER TABLE work RENAME COLUMN broken TO gateway`},
		{"function", `ALTER FUNCTION radius.session_sim RENAME TO broken`, `ALTER FUNCTION radius.broken RENAME TO session_sim`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db := storagetest.Open(t)
			sim := db.SIM(storagetest.SIM{Account: db.Account().ID, Status: transfer.Active})
			db.Exec(`UPDATE registrations SET request = gen_random_uuid(), n = 0 WHERE sim = $1`, sim.ID)
			gateway := db.Gateway()

			db.Exec(c.break_)
			db.Session(sim, gateway, time.Hour)
			db.Exec(c.mend)
			type start struct {
				Linked bool `db:"linked"`
				Failed bool `db:"failed"`
			}
			read := func() start {
				return storagetest.One[start](db, `SELECT sim IS NOT NULL AS linked, start_error IS NOT NULL AS failed FROM radius.radacct`)
			}
			if got := read(); got != (start{false, true}) {
				t.Fatalf("the start is stored as %+v, want it with the error", got)
			}
			const linked = "every open session was linked"
			if n := violations(t, db, linked); n != 1 {
				t.Errorf("%d violations of %q, want 1", n, linked)
			}
			if n, _, err := db.LinkSessions(t.Context(), 0); err != nil || n != 1 {
				t.Fatalf("%d sessions linked, %v; want 1", n, err)
			}
			if got := read(); !got.Linked {
				t.Error("the session is not linked")
			}
			if n := storagetest.One[int](db, `SELECT count(*) FROM work WHERE kind = 'drop_stray'`); n != 1 {
				t.Errorf("%d stray sessions, want 1", n)
			}
			if n := violations(t, db, linked); n != 0 {
				t.Errorf("%d violations of %q after the session was linked", n, linked)
			}
		})
	}
}

// The link loop judges a session by its Class, as the trigger does.
func TestLinkedByClass(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	sims := db.SIMs(2, storagetest.SIM{Account: db.Account().ID, Status: transfer.Ready})
	db.Exec(`
		WITH moved AS (
			UPDATE sims SET since = since + interval '1 microsecond' RETURNING id, since, account
		)
		INSERT INTO registrations (sim, since, account, request, n) SELECT id, since, account, gen_random_uuid(), 0 FROM moved`)
	start := func(sim storagetest.SIM, registration, began string) {
		db.Exec(`
			INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime, class)
			SELECT identifier, identifier, identifier, '10.0.0.1', clock_timestamp() + $2::interval,
				(SELECT 'since=' || (extract(epoch FROM `+registration+`(g.since)) * 1000000)::bigint FROM registrations g WHERE g.sim = i.sim)
			FROM identifiers i
			WHERE identifier = $1`, sim.IMSI, began)
		db.Exec(`UPDATE radius.radacct SET sim = NULL, start_error = 'an error' WHERE username = $1`, sim.IMSI)
	}
	start(sims[0], "max", "-1 hour")
	start(sims[1], "min", "0")
	db.Exec(`DELETE FROM work`)
	db.Exec(`UPDATE sims SET status = 'ready'`)
	if n, _, err := db.LinkSessions(t.Context(), 0); err != nil || n != 2 {
		t.Fatalf("%d sessions linked, %v; want 2", n, err)
	}
	if got := storagetest.All[int64](db, `
		SELECT a.sim FROM work w JOIN radius.radacct a ON a.radacctid = w.items[1] WHERE w.kind = 'drop_stray'`); len(got) != 1 || got[0] != sims[1].ID {
		t.Errorf("the sessions of SIMs %v are to be disconnected, want that of SIM %d", got, sims[1].ID)
	}
	if got := storagetest.All[int64](db, `SELECT id FROM sims WHERE status = 'active'`); len(got) != 1 || got[0] != sims[0].ID {
		t.Errorf("SIMs %v are active, want SIM %d", got, sims[0].ID)
	}
	db.Check(3, 8) // the transfers are made up
}

// The check reports what keeps the rules of sessions from being applied: a trigger that
// is disabled, a right that is missing, a user that does not wait for locks.
func TestCheckOfAccounting(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	role := "accounting_" + storagetest.One[string](db, `SELECT current_database()`)
	db.Exec(`CREATE ROLE ` + role)
	t.Cleanup(func() { dropRole(t, db, role) })
	const (
		trigger = "the triggers on radius.radacct"
		users   = "database users that write accounting"
	)
	db.Exec(`GRANT SELECT ON radius.radacct TO ` + role) // as for reports
	db.Check()
	for _, c := range []struct{ break_, mend, invariant, advice string }{
		{`ALTER TABLE radius.radacct DISABLE TRIGGER session_start`, `ALTER TABLE radius.radacct ENABLE TRIGGER session_start`, trigger, "ENABLE TRIGGER"},
		{`ALTER TABLE radius.radacct DISABLE TRIGGER session_news`, `ALTER TABLE radius.radacct ENABLE TRIGGER session_news`, trigger, "ENABLE TRIGGER session_news"},
		{`ALTER FUNCTION radius.before_session OWNER TO ` + role, `ALTER FUNCTION radius.before_session OWNER TO CURRENT_USER`, trigger, "GRANT UPDATE ON public.sims TO " + role},
		{`GRANT USAGE ON SCHEMA radius TO ` + role + `; GRANT INSERT ON radius.radacct TO ` + role, ``, users, "GRANT UPDATE ON radius.radacct TO " + role},
		{`REVOKE USAGE ON SCHEMA radius FROM ` + role, `GRANT USAGE ON SCHEMA radius TO ` + role + `; GRANT UPDATE ON radius.radacct TO ` + role, users, "GRANT USAGE ON SCHEMA radius TO " + role},
		{`ALTER ROLE ` + role + ` SET lock_timeout = '1s'`, `ALTER ROLE ` + role + ` RESET lock_timeout`, users, "ALTER ROLE " + role + " RESET lock_timeout"},
	} {
		db.Exec(c.break_)
		found := false
		for _, f := range findings(t, db) {
			if strings.HasPrefix(f.Invariant, c.invariant) {
				found = strings.Contains(strings.Join(f.Examples, "\n"), c.advice)
			}
		}
		if !found {
			t.Errorf("after %s, no check says %s", c.break_, c.advice)
		}
		if c.mend != "" {
			db.Exec(c.mend)
			db.Check()
		}
	}
}

func dropRole(t *testing.T, db *storagetest.DB, role string) {
	t.Helper()
	for _, statement := range []string{`DROP OWNED BY `, `DROP ROLE `} {
		if _, err := db.Pool().ExecContext(context.WithoutCancel(t.Context()), statement+role); err != nil {
			t.Error(err)
		}
	}
}

// violations returns how often the invariants whose text begins so are violated.
func violations(t *testing.T, db *storagetest.DB, invariant string) (n int) {
	t.Helper()
	for _, f := range findings(t, db) {
		if strings.HasPrefix(f.Invariant, invariant) {
			n += f.Violations
		}
	}
	return n
}

// A session that we have closed, and that its gateway continues to report, is open again,
// however slow the gateway's clock is. A report that is only late does not open it.
func TestSlowClockDoesNotHideASession(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		at   time.Duration // of the report, since it was sent
		open bool
	}{
		{"a right clock", 0, true},
		{"a report that is late", -time.Minute, false},
		{"a clock that is two days slow", -48 * time.Hour, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db := storagetest.Open(t)
			sim := db.SIM(storagetest.SIM{Account: db.Account().ID, Status: transfer.Active})
			session := db.Session(sim, db.Gateway(), time.Hour)
			db.Exec(`UPDATE radius.radacct SET acctstoptime = clock_timestamp() - interval '30 s', closed_at = clock_timestamp() - interval '30 s'`)
			db.Exec(`UPDATE radius.radacct SET closed_at = acctstoptime`)
			db.Exec(`
				INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime, acctupdatetime, acctsessiontime)
				SELECT acctsessionid, acctuniqueid, username, nasipaddress, clock_timestamp() + make_interval(secs => $1), clock_timestamp() + make_interval(secs => $1), 3600
				FROM radius.radacct
				ON CONFLICT (acctuniqueid) DO NOTHING`, c.at.Seconds())
			if open := storagetest.One[bool](db, `SELECT acctstoptime IS NULL FROM radius.radacct WHERE radacctid = $1`, session); open != c.open {
				t.Errorf("the session is open: %v, want %v", open, c.open)
			}
		})
	}
}
