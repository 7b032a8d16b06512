package serverstest_test

import (
	"database/sql"
	"testing"

	_ "github.com/lib/pq"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"simtransfer/dev/servers/serverstest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, serverstest.IgnoreServers())
}

func TestDatabasesAreSeparate(t *testing.T) {
	t.Parallel()
	for range 8 {
		t.Run("test", func(t *testing.T) {
			t.Parallel()
			db := open(t, serverstest.DatabaseURL(t))
			var tables int
			if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&tables); err != nil {
				t.Fatal(err)
			}
			if tables == 0 {
				t.Error("the database has no schema")
			}
			if _, err := db.ExecContext(t.Context(), "CREATE TABLE only_mine AS SELECT 1 AS n"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEmptyDatabase(t *testing.T) {
	t.Parallel()
	db := open(t, serverstest.EmptyDatabaseURL(t))
	var tables int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&tables); err != nil {
		t.Fatal(err)
	}
	if tables != 0 {
		t.Errorf("the database has %d tables", tables)
	}
}

func TestDatabaseIsDroppedDespiteConnections(t *testing.T) {
	t.Parallel()
	var db *sql.DB
	outer := t
	t.Run("user", func(t *testing.T) { // not parallel: the rest of the test has to come after it
		db = open(outer, serverstest.EmptyDatabaseURL(t)) // closed after the database is dropped
		if err := db.PingContext(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	_, err := db.ExecContext(t.Context(), "SELECT 1")
	if err == nil {
		// The pool may not have noticed that its connection was closed.
		_, err = db.ExecContext(t.Context(), "SELECT 1")
	}
	if err == nil {
		t.Error("the database is still there")
	}
}

func TestRedisDatabasesAreSeparate(t *testing.T) {
	t.Parallel()
	for range 8 {
		t.Run("test", func(t *testing.T) {
			t.Parallel()
			client := dial(t, serverstest.RedisURL(t))
			n, err := client.Incr(t.Context(), "n").Result()
			if err != nil || n != 1 {
				t.Errorf("counted to %d (%v) in a new database", n, err)
			}
		})
	}
}

func open(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func dial(t *testing.T, url string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}
