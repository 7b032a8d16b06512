// Package serverstest gives each test its own PostgreSQL database and Redis
// database. The first use in a test binary starts the servers, and they end with
// it.
//
// Nothing has to be running or configured. If the programs of a server are not
// installed, tests fail and say what to install; they are not skipped.
package serverstest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"simtransfer/dev/servers"
	"simtransfer/storage"
)

// template is the database of which the tests' databases are copies.
const template = "template_migrated"

// shared is what all tests of this process share.
type shared struct {
	servers *servers.Servers
	// migrated creates the template when it is first needed.
	migrated  func() error
	databases atomic.Int64 // number of databases created so far, for their names
	// free holds the numbers of the Redis databases that no test uses.
	free chan int
}

// process holds the servers of this test binary.
//
//nolint:gochecknoglobals // a test binary has no other place for what its tests share, and starting servers for each test would take seconds
var process = sync.OnceValues(start)

func start() (*shared, error) {
	// They are never stopped: nothing runs after the last test of a binary, and the
	// servers end with the process.
	own, err := servers.Start(context.Background(), servers.Options{
		PostgresSettings: map[string]string{"max_prepared_transactions": "20"},
	})
	if err != nil {
		return nil, err
	}
	s := &shared{
		servers: own,
		free:    make(chan int, servers.RedisDatabases),
	}
	for n := range servers.RedisDatabases {
		s.free <- n
	}
	s.migrated = sync.OnceValue(func() error {
		ctx := context.Background()
		if err := own.CreateDatabase(ctx, template, ""); err != nil {
			return err
		}
		return storage.Migrate(ctx, own.DatabaseURL(template))
	})
	return s, nil
}

func use(t testing.TB) *shared {
	t.Helper()
	s, err := process()
	if err != nil {
		t.Fatalf("starting the servers for tests: %v", err)
	}
	return s
}

// DatabaseURL creates a database that has the current schema and no rows, and
// returns its URL. It is dropped when the test ends, even if there are still
// connections to it.
func DatabaseURL(t testing.TB) string {
	t.Helper()
	s := use(t)
	if err := s.migrated(); err != nil {
		t.Fatalf("creating the template database: %v", err)
	}
	return s.database(t, template)
}

// EmptyDatabaseURL is like DatabaseURL, but the database has no schema.
func EmptyDatabaseURL(t testing.TB) string {
	t.Helper()
	return use(t).database(t, "")
}

func (s *shared) database(t testing.TB, template string) string {
	t.Helper()
	name := "test_" + strconv.FormatInt(s.databases.Add(1), 10)
	if err := s.servers.CreateDatabase(t.Context(), name, template); err != nil {
		t.Fatalf("creating a database for the test: %v", err)
	}
	ctx := context.WithoutCancel(t.Context()) // the test's context ends before its clean-up
	t.Cleanup(func() {
		if err := s.servers.DropDatabase(ctx, name); err != nil {
			t.Errorf("cleaning up after the test: %v", err)
		}
	})
	return s.servers.DatabaseURL(name)
}

// RedisURL returns the URL of an empty Redis database that no other test uses until
// this one ends. Published messages reach subscribers in all databases, and
// FLUSHALL, SHUTDOWN and CONFIG affect all of them: a test that needs those starts
// its own servers with servers.Start.
func RedisURL(t testing.TB) string {
	t.Helper()
	s := use(t)
	var n int
	select {
	case n = <-s.free:
	default:
		t.Fatal("every Redis database is in use by a running test")
	}
	url := s.servers.RedisURL(n)
	ctx := context.WithoutCancel(t.Context()) // the test's context ends before its clean-up
	t.Cleanup(func() {
		if err := flush(ctx, url); err != nil {
			t.Errorf("cleaning up after the test: %v", err)
			return // no other test gets this database
		}
		s.free <- n
	})
	return url
}

func flush(ctx context.Context, url string) error {
	options, err := redis.ParseURL(url)
	if err != nil {
		return err
	}
	client := redis.NewClient(options)
	return errors.Join(client.FlushDB(ctx).Err(), client.Close())
}

// IgnoreServers makes goleak ignore the goroutines that supervise the servers for
// the life of the process.
func IgnoreServers() goleak.Option {
	return goleak.IgnoreAnyFunction("simtransfer/dev/servers.(*Process).supervise")
}
