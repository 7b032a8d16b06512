package storage_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/dev/servers/serverstest"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// feedOf reads the feed of an account until it has n events.
func feedOf(t *testing.T, db *storagetest.DB, account int64, n int) []storage.FeedEvent {
	t.Helper()
	var list []storage.FeedEvent
	storagetest.Await(t, fmt.Sprintf("%d events", n), func() bool {
		var at storage.Cursor
		if len(list) > 0 {
			at = list[len(list)-1].Cursor
		}
		page, err := db.Feed(t.Context(), account, 0, at, 100)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, page...)
		return len(list) >= n
	})
	return list
}

// Transactions that cannot write events do not silence the feeds: those in
// another database, those that only have an id, and those that have changed
// nothing of ours.
func TestFeedsPassForeignTransactions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, statement string }{
		{"an id and no lock", `SELECT pg_current_xact_id()`},
		{"a table of its own", `CREATE TABLE own (); SELECT pg_current_xact_id()`},
		{"a temporary table", `CREATE TEMP TABLE own (); INSERT INTO own DEFAULT VALUES`},
		{"reading our tables", `SELECT pg_current_xact_id(); LOCK TABLE events, requests IN ACCESS SHARE MODE`},
		{"an advisory lock", `SELECT pg_current_xact_id(), pg_advisory_xact_lock(1)`},
		{"a savepoint", `SELECT pg_current_xact_id(); SAVEPOINT s; CREATE TEMP TABLE own (); INSERT INTO own DEFAULT VALUES`},
		{"an index", `CREATE INDEX ON sims (plan)`},
		{"statistics", `ANALYZE sims, events, requests`},
		{"a new trigger", `CREATE TRIGGER t BEFORE TRUNCATE ON sims EXECUTE FUNCTION audit_guard()`},
		{"changes, declared to write no events", `SELECT writes_no_events(); UPDATE plans SET coverage_bound = coverage_bound; LOCK TABLE events IN ROW EXCLUSIVE MODE`},
		{"changes, declared late", `UPDATE plans SET coverage_bound = coverage_bound; SELECT writes_no_events()`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db := storagetest.Open(t)
			from, to := db.Account(), db.Account()
			sims := db.SIMs(1, storagetest.SIM{Account: from.ID})
			db.HoldSQL(c.statement)
			elsewhere := db.Connect(storage.Options{})
			other, err := storage.Open(t.Context(), serverstest.EmptyDatabaseURL(t), storage.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = other.Close() }()
			foreign, err := other.Pool().BeginTxx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = foreign.Rollback() }()
			if _, err := foreign.ExecContext(t.Context(), `CREATE TABLE events (); SELECT pg_current_xact_id()`); err != nil {
				t.Fatal(err)
			}
			id := db.Request(storagetest.Request{From: from, To: to, SIMs: sims})
			validate(t, db, id)
			feedOf(t, db, from.ID, 3)
			feedOf(t, db, to.ID, 1)
			if waits := db.FeedWaits(); len(waits) > 0 {
				t.Errorf("the feed waits for %v", waits)
			}
			if list, err := elsewhere.Feed(t.Context(), from.ID, 0, storage.Cursor{}, 10); err != nil || len(list) > 3 {
				t.Errorf("%v, %v", list, err)
			}
		})
	}
}

// prepare leaves a prepared transaction behind, until the test ends.
func prepare(t *testing.T, db *storagetest.DB, gid, statement string) {
	t.Helper()
	db.Exec(fmt.Sprintf(`BEGIN; %s; PREPARE TRANSACTION '%s'`, statement, gid))
	t.Cleanup(func() { // otherwise the database cannot be dropped
		if _, err := db.Pool().ExecContext(context.WithoutCancel(t.Context()), fmt.Sprintf(`ROLLBACK PREPARED '%s'`, gid)); err != nil {
			t.Error(err)
		}
	})
}

func TestFeedsAndPreparedTransactions(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from, to := db.Account(), db.Account()
	sims := db.SIMs(1, storagetest.SIM{Account: from.ID})
	name := storagetest.One[string](db, `SELECT current_database()`)
	prepare(t, db, name+" harmless", `SELECT pg_current_xact_id()`)
	db.Request(storagetest.Request{From: from, To: to, SIMs: sims})
	feedOf(t, db, from.ID, 1)
	prepare(t, db, name+" forgotten", `UPDATE sims SET status = status`)
	db.Request(storagetest.Request{From: from, To: to, SIMs: sims})
	storagetest.Await(t, "a name", func() bool {
		if list, err := db.Feed(t.Context(), from.ID, 0, storage.Cursor{}, 10); err != nil || len(list) != 1 {
			t.Fatalf("%v, %v", list, err)
		}
		return len(db.FeedWaits()) > 0
	})
	waits := db.FeedWaits()
	if text := waits[0].String(); len(waits) != 1 || !strings.Contains(text, "prepared transaction '"+name+" forgotten'") || !strings.Contains(text, "since 2") {
		t.Errorf("waits for %v", waits)
	}
}

// A transaction that may write events withholds later ones, and is named.
func TestFeedsNameWhatTheyWaitFor(t *testing.T) {
	t.Parallel()
	for _, statement := range []string{
		`UPDATE sims SET status = status`,
		`SELECT FROM requests FOR UPDATE`,
		`SELECT FROM accounts FOR KEY SHARE`,
		`INSERT INTO radius.nas (nasname, secret) VALUES ('192.0.2.99', 'secret')`,
		`LOCK TABLE events IN ROW EXCLUSIVE MODE; SELECT pg_current_xact_id()`,
		`SELECT pg_advisory_xact_lock(1936289140, 2), pg_advisory_xact_lock(1936289140 * 4294967296 + 1); UPDATE plans SET name = name`,
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			db := storagetest.Open(t)
			from, to := db.Account(), db.Account()
			sims := db.SIMs(1, storagetest.SIM{Account: from.ID})
			db.Request(storagetest.Request{From: from, To: to, SIMs: sims})
			reader, err := storage.Open(t.Context(), db.URL+"&application_name=reader", storage.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = reader.Close() }()
			commit := db.HoldSQL(`SET LOCAL application_name = 'forgotten psql'; ` + statement)
			db.Exec(`CREATE TABLE later ()`) // by a later transaction, after which events would be withheld
			var waits []storage.FeedWait
			storagetest.Await(t, "a name", func() bool {
				if _, err := reader.Feed(t.Context(), from.ID, 0, storage.Cursor{}, 10); err != nil {
					t.Fatal(err)
				}
				waits = reader.FeedWaits()
				return len(waits) > 0
			})
			text := waits[0].String()
			if len(waits) != 1 || !strings.Contains(text, "forgotten psql") || !strings.Contains(text, "in database test_") || !strings.Contains(text, "since 2") {
				t.Errorf("waits for %v", waits)
			}
			commit()
		})
	}
}

// A long import does not withhold events.
func TestFeedsPassImports(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from, to := db.Account(), db.Account()
	sims := db.SIMs(1, storagetest.SIM{Account: from.ID})
	db.Hold(func(tx *storage.Tx) error {
		_, err := tx.ImportSIMs(t.Context(), storage.System(), slices.Values(newSIMs(from, 1, 10)))
		return err
	})
	db.Request(storagetest.Request{From: from, To: to, SIMs: sims})
	feedOf(t, db, from.ID, 1)
	if waits := db.FeedWaits(); len(waits) > 0 {
		t.Errorf("the feed waits for %v", waits)
	}
}

// A transaction that has declared to write no events cannot write one.
func TestDeclaredTransactionsWriteNoEvents(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from, to := db.Account(), db.Account()
	id := db.Request(storagetest.Request{From: from, To: to, SIMs: db.SIMs(1, storagetest.SIM{Account: from.ID})})
	work := workOf(db, id, transfer.WorkValidate)[0]
	was := db.Dump()
	err := db.InTx(t.Context(), func(tx *storage.Tx) error {
		if err := tx.DeclareNoEvents(t.Context()); err != nil {
			return err
		}
		w, err := tx.LockWork(t.Context(), work)
		if err != nil {
			return err
		}
		return validateChunk(t.Context(), tx, w)
	})
	if err == nil || !strings.Contains(err.Error(), "has declared to write none") {
		t.Errorf("%v, want a refusal", err)
	}
	db.Unchanged(was)
}

// The events of a request are read in the order of their numbers, even if a
// later one was written by a transaction that had begun earlier.
func TestFeedOrderWithinARequest(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from, to := db.Account(), db.Account()
	sims := db.SIMs(4, storagetest.SIM{Account: from.ID})
	id := db.Request(storagetest.Request{From: from, To: to, SIMs: sims})
	early := workOf(db, id, transfer.WorkValidate)[0]
	err := db.InTx(t.Context(), func(tx *storage.Tx) error {
		work, err := tx.LockWork(t.Context(), early) // the transaction gets its id
		if err != nil {
			return err
		}
		db.Decide(id, transfer.Cancel) // in a later transaction, which ends first
		return validateChunk(t.Context(), tx, work)
	})
	if err != nil {
		t.Fatal(err)
	}
	release(t, db, id)
	want := storagetest.All[int](db, `SELECT seq FROM events WHERE request = $1 ORDER BY seq`, id)
	var got []int
	for _, e := range feedOf(t, db, 0, storagetest.One[int](db, `SELECT count(*) FROM events`)) {
		got = append(got, e.Seq)
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) < 3 {
		t.Errorf("numbers in the order of the feed (-want +got):\n%s", diff)
	}
	db.Check()
}
