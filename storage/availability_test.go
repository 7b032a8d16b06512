package storage_test

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"simtransfer/dev/servers"
	"simtransfer/dev/servers/serverstest"
	"simtransfer/storage"
	"simtransfer/storage/poolertest"
	"simtransfer/storage/storagetest"
)

// hostOf returns the folder of the socket in a database URL, and the URL with
// another host.
func hostOf(t *testing.T, dsn string) (host string, with func(host string) string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("host"), func(host string) string {
		q := u.Query()
		q.Set("host", host)
		changed := *u
		changed.RawQuery = q.Encode()
		return changed.String()
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, within time.Duration, what string, condition func() bool) {
	t.Helper()
	start := time.Now()
	for !condition() {
		if time.Since(start) > within {
			t.Fatalf("%s: not after %v", what, within)
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("%s: after %v", what, time.Since(start).Round(time.Millisecond))
}

// ready reports whether the database is ready, as the API's readiness check
// does.
func ready(t *testing.T, db *storage.DB) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	return db.Ready(ctx) == nil
}

// writes reports whether a change succeeds.
func writes(t *testing.T, db *storage.DB) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := db.Pool().ExecContext(ctx, `INSERT INTO plans (name, coverage_bound) VALUES (gen_random_uuid()::text, false)`)
	if err != nil && !storage.IsBusy(err) {
		t.Errorf("a change failed with %v (%T), which is not taken for an outage", err, err)
	}
	return err == nil
}

func openWatched(t *testing.T, dsn string) (*storage.DB, *storagetest.Log) {
	t.Helper()
	log := &storagetest.Log{}
	db, err := storage.Open(t.Context(), dsn, storage.Options{MaxConns: 4, Watch: true, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db, log
}

// If the server vanishes without closing its connections, statements that wait
// for it fail, calls end in the time that they have, and all of it works again
// when the server is back.
func TestServerVanishes(t *testing.T) {
	t.Parallel()
	dsn := serverstest.DatabaseURL(t)
	host, with := hostOf(t, dsn)
	r := newRelay(t, host)
	db, log := openWatched(t, with(r.Host))
	if !ready(t, db) || !writes(t, db) {
		t.Fatal("the database does not work")
	}
	inTx := make(chan struct{})
	waiting := []<-chan error{
		storagetest.Go(func() error {
			_, err := db.Pool().ExecContext(t.Context(), `SELECT pg_sleep(600)`)
			return err
		}),
		storagetest.Go(func() error {
			return db.InTx(t.Context(), func(*storage.Tx) error {
				close(inTx)
				<-time.After(100 * time.Millisecond)
				return nil
			})
		}),
	}
	<-inTx
	r.Vanish()
	eventually(t, 5*time.Second, "not ready", func() bool { return !ready(t, db) })
	start := time.Now()
	if writes(t, db) {
		t.Error("a change succeeded without a server")
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("a call with 2 s took %v", took)
	}
	eventually(t, 10*time.Second, "a line in the log", func() bool { return strings.Contains(log.String(), "cannot connect to PostgreSQL") })
	for _, w := range waiting {
		select {
		case err := <-w:
			if !storage.IsTransient(err) {
				t.Errorf("a waiting statement ended with %v, which is not transient", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("a statement still waits after 30 s")
		}
	}
	r.Return()
	eventually(t, 10*time.Second, "ready again", func() bool { return ready(t, db) })
	eventually(t, 5*time.Second, "a change succeeds again", func() bool { return writes(t, db) })
	if n := strings.Count(log.String(), "cannot connect"); n != 1 {
		t.Errorf("%d lines about one outage:\n%s", n, log)
	}
	if !strings.Contains(log.String(), "connected to PostgreSQL again") {
		t.Errorf("the log does not say that the outage is over:\n%s", log)
	}
}

// The caller's time also limits login, not only the network connection.
func TestLoginTakesTooLong(t *testing.T) {
	t.Parallel()
	dsn := serverstest.DatabaseURL(t)
	host, with := hostOf(t, dsn)
	r := newRelay(t, host)
	r.Vanish()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	db, err := storage.Open(ctx, with(r.Host), storage.Options{})
	if err == nil {
		_ = db.Close()
		t.Fatal("it was opened")
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	if !storage.IsTransient(err) {
		t.Errorf("%v is not transient", err)
	}
}

// After a restart of the server, the first calls succeed, although every
// connection in the pool is dead.
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	s, dsn := poolertest.TrustingServers(t)
	db, err := storage.Open(t.Context(), dsn, storage.Options{MaxConns: 20})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	fill := func() {
		var held []<-chan error
		for range 20 {
			held = append(held, storagetest.Go(func() error {
				_, err := db.Pool().ExecContext(t.Context(), `SELECT pg_sleep(0.3)`)
				return err
			}))
		}
		for _, h := range held {
			if err := <-h; err != nil {
				t.Fatal(err)
			}
		}
		if n := db.Pool().Stats().Idle; n != 20 {
			t.Fatalf("%d idle connections, want 20", n)
		}
	}
	for _, c := range []struct {
		name string
		call func() error
	}{
		{"readiness", func() error { return db.Ready(t.Context()) }},
		{"a ping, which database/sql does not repeat", func() error {
			if runtime.GOOS != "linux" {
				return nil // dead connections are found when they are used
			}
			return db.Pool().PingContext(t.Context())
		}},
		{"a statement", func() error {
			_, err := db.Accounts(t.Context(), storage.AccountFilter{Limit: 1})
			return err
		}},
		{"a transaction", func() error {
			return db.InTx(t.Context(), func(tx *storage.Tx) error {
				return tx.AllowLong(t.Context(), time.Minute)
			})
		}},
	} {
		fill()
		if err := s.Postgres().Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if err := c.call(); err != nil {
				t.Errorf("%s after a restart: %v", c.name, err)
			}
		}
	}
}

// While logins are refused, calls fail with an error that says so and that is
// transient; it is logged once, and the server is not flooded.
func TestLoginRefused(t *testing.T) {
	t.Parallel()
	_, dsn := poolertest.TrustingServers(t)
	admin, err := storage.Open(t.Context(), dsn, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	run := func(statements ...string) {
		t.Helper()
		for _, s := range statements {
			if _, err := admin.Pool().ExecContext(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
	}
	run(`CREATE ROLE service LOGIN SUPERUSER`)
	log := &storagetest.Log{}
	db, err := storage.Open(t.Context(), strings.Replace(dsn, "simtransfer@", "service@", 1), storage.Options{
		MaxConns: 4, Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	run(`ALTER ROLE service NOLOGIN`, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'service'`)
	for range 50 {
		_, err := db.Accounts(t.Context(), storage.AccountFilter{Limit: 1})
		var refused *storage.ConnectError
		if !storage.IsTransient(err) || !errors.As(err, &refused) {
			t.Fatalf("the call: %v", err)
		}
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d errors were logged, want 1:\n%s", n, log)
	}
	run(`ALTER ROLE service LOGIN`)
	eventually(t, 5*time.Second, "calls succeed again", func() bool {
		_, err := db.Accounts(t.Context(), storage.AccountFilter{Limit: 1})
		return err == nil
	})
}

// primaryAndStandby starts a primary with the schema, and a standby of it. It
// returns them with the folders of their sockets, and a function that makes a
// connection string.
func primaryAndStandby(t *testing.T) (primary, standby *servers.Servers, dsn func(hosts ...string) string) {
	t.Helper()
	settings := map[string]string{"wal_level": "replica", "max_wal_senders": "4", "synchronous_commit": "on"}
	access := filepath.Join(poolertest.PublicDir(t), "pg_hba.conf")
	if err := os.WriteFile(access, []byte("local all all trust\nlocal replication all trust\n"), 0o644); err != nil { //nolint:gosec // the servers' user reads it
		t.Fatal(err)
	}
	settings["hba_file"] = access
	folders := poolertest.PublicDir(t)
	first, second := filepath.Join(folders, "a"), filepath.Join(folders, "b")
	start := func(dir string) *servers.Servers {
		s, err := servers.Start(t.Context(), servers.Options{Dir: dir, PostgresSettings: settings})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Stop() })
		return s
	}
	primary = start(first)
	if err := primary.CreateDatabase(t.Context(), "replicated", ""); err != nil {
		t.Fatal(err)
	}
	if err := storage.Migrate(t.Context(), primary.DatabaseURL("replicated")); err != nil {
		t.Fatal(err)
	}
	if err := primary.Stop(); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", first, second).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	makeStandby(t, second)
	primary = start(first)
	host, with := hostOf(t, primary.DatabaseURL("replicated"))
	settings["primary_conninfo"] = "host=" + host + " user=simtransfer"
	standby = start(second)
	return primary, standby, func(hosts ...string) string { return with(strings.Join(hosts, ",")) }
}

func makeStandby(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "postgres", "standby.signal"), nil, 0o644); err != nil { //nolint:gosec // the servers' user reads it
		t.Fatal(err)
	}
}

func promote(t *testing.T, s *servers.Servers) {
	t.Helper()
	db, err := storage.Open(t.Context(), s.DatabaseURL("replicated"), storage.Options{Standby: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Pool().ExecContext(t.Context(), `SELECT pg_promote()`); err != nil {
		t.Fatal(err)
	}
}

// A standby is refused, and the primary is found wherever it is: in a list of
// hosts, and by a name that leads to another server after a switchover.
func TestSwitchover(t *testing.T) {
	t.Parallel()
	primary, standby, dsn := primaryAndStandby(t)
	a, _ := hostOf(t, primary.DatabaseURL("replicated"))
	b, _ := hostOf(t, standby.DatabaseURL("replicated"))

	if db, err := storage.Open(t.Context(), dsn(b), storage.Options{}); err == nil || !strings.Contains(err.Error(), "standby") {
		_ = db.Close()
		t.Errorf("opening a standby: %v", err)
	}
	for _, accepted := range []string{dsn(b) + "&target_session_attrs=any", dsn(b, a) + "&target_session_attrs=standby"} {
		db, err := storage.Open(t.Context(), accepted, storage.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_ = db.Close()
	}
	name := newRelay(t, a)
	byList, _ := openWatched(t, dsn(b, a))
	byName, log := openWatched(t, dsn(name.Host))
	for _, db := range []*storage.DB{byList, byName} {
		if !ready(t, db) || !writes(t, db) {
			t.Fatal("the primary does not work")
		}
	}

	// The primary becomes a standby, and the name still leads to it.
	if err := primary.Postgres().Kill(); err != nil {
		t.Fatal(err)
	}
	promote(t, standby)
	eventually(t, 10*time.Second, "the list leads to the new primary", func() bool { return writes(t, byList) && ready(t, byList) })
	makeStandby(t, filepath.Dir(filepath.Dir(a)+"/x"))
	if err := primary.Postgres().Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if ready(t, byName) || writes(t, byName) {
			t.Error("a standby is taken for the primary")
		}
	}
	name.Lead(b)
	eventually(t, 10*time.Second, "the name leads to the new primary", func() bool { return writes(t, byName) && ready(t, byName) })
	if !strings.Contains(log.String(), "read-only standby") {
		t.Errorf("the log does not name the cause:\n%s", log)
	}
}
