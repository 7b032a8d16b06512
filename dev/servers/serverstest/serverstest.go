// Package serverstest gives each test a PostgreSQL database and a Redis database of
// its own, on servers that the first use in a test binary starts and that end
// with it.
//
// Nothing has to be running or configured. If a server's programs are not
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

// template is the database that tests' databases are copies of.
const template = "template_migrated"

// shared is what all tests of this process use together.
type shared struct {
	servers *servers.Servers
	// migrated makes the template, the first time that somebody needs it.
	migrated  func() error
	databases atomic.Int64 // how many were made, for their names
	// free are the numbers of Redis's databases that no test has.
	free chan int
}

// process holds the servers of this test binary.
//
//nolint:gochecknoglobals // a test binary has no other place for what its tests share, and a server for each would take seconds each
var process = sync.OnceValues(start)

func start() (*shared, error) {
	// Never stopped: a test binary has no moment after its last test, and the
	// servers end with the process.
	own, err := servers.Start(context.Background(), servers.Options{})
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

// DatabaseURL makes a database with the current schema and nothing in it, and
// returns where to connect to it. It is dropped when the test ends, whoever is
// still connected.
func DatabaseURL(t testing.TB) string {
	t.Helper()
	s := use(t)
	if err := s.migrated(); err != nil {
		t.Fatalf("making the template for tests' databases: %v", err)
	}
	return s.database(t, template)
}

// EmptyDatabaseURL is like DatabaseURL, for a database without any schema.
func EmptyDatabaseURL(t testing.TB) string {
	t.Helper()
	return use(t).database(t, "")
}

func (s *shared) database(t testing.TB, template string) string {
	t.Helper()
	name := "test_" + strconv.FormatInt(s.databases.Add(1), 10)
	if err := s.servers.CreateDatabase(t.Context(), name, template); err != nil {
		t.Fatalf("making a database for the test: %v", err)
	}
	ctx := context.WithoutCancel(t.Context()) // which ends before the clean-up
	t.Cleanup(func() {
		if err := s.servers.DropDatabase(ctx, name); err != nil {
			t.Errorf("cleaning up after the test: %v", err)
		}
	})
	return s.servers.DatabaseURL(name)
}

// RedisURL returns the address of an empty database of Redis that no other test
// uses until this one ends. Published messages reach subscribers in all
// databases, and FLUSHALL, SHUTDOWN or CONFIG are for all: a test that needs
// those starts servers of its own by servers.Start.
func RedisURL(t testing.TB) string {
	t.Helper()
	s := use(t)
	var n int
	select {
	case n = <-s.free:
	default:
		t.Fatal("every database of Redis is taken by a test that has not ended")
	}
	url := s.servers.RedisURL(n)
	ctx := context.WithoutCancel(t.Context()) // which ends before the clean-up
	t.Cleanup(func() {
		if err := flush(ctx, url); err != nil {
			t.Errorf("cleaning up after the test: %v", err)
			return // and nobody else gets it
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

// IgnoreServers makes goleak overlook the goroutines that stay with the servers
// for the life of the process.
func IgnoreServers() goleak.Option {
	return goleak.IgnoreAnyFunction("simtransfer/dev/servers.(*Process).supervise")
}
