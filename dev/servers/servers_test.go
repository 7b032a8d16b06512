//go:build unix

package servers

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// asChild is the environment variable that makes the test binary start servers and
// wait until it is killed.
const asChild = "SIMTRANSFER_DEV_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(asChild) != "" {
		startAndWait()
		return
	}
	os.Exit(m.Run())
}

// child is what the child process reports to its parent.
type child struct {
	Folder string
	Redis  string // host and port
	Reaper int
}

func startAndWait() {
	syscall.Umask(0o077) // it must not keep the servers' user out
	s, err := Start(context.Background(), Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	c := child{
		Folder: s.folder.path,
		Redis:  address(s.rd.port),
		Reaper: s.reaper.cmd.Process.Pid,
	}
	if err := json.NewEncoder(os.Stdout).Encode(c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}

func TestServersEndWhenParentIsKilled(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name          string
		killReaper    bool
		folderRemains bool
	}{
		{name: "the reaper cleans up"},
		{name: "the kernel stops them without the reaper", killReaper: true, folderRemains: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.killReaper && runtime.GOOS != "linux" {
				t.Skip("only Linux has a parent-death signal")
			}
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), self)
			cmd.Env = append(os.Environ(), asChild+"=1")
			cmd.Stderr = os.Stderr
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(stdout).ReadString('\n')
			if err != nil {
				t.Fatalf("reading the report of the child: %v", err)
			}
			var c child
			if err := json.Unmarshal([]byte(line), &c); err != nil {
				t.Fatal(err)
			}
			if !listening(t, c.Redis) || free(c.Folder) {
				t.Fatal("the child's servers are not running")
			}

			if test.killReaper {
				if err := syscall.Kill(c.Reaper, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // returns that it was killed

			eventually(t, "Redis stops listening", func() bool { return !listening(t, c.Redis) })
			if !test.folderRemains {
				eventually(t, "the folder is removed", func() bool { return !exists(c.Folder) })
				return
			}
			eventually(t, "no process holds the lock on the folder", func() bool { return free(c.Folder) || !exists(c.Folder) })
			removeStale(filepath.Dir(c.Folder))
			if exists(c.Folder) {
				t.Errorf("%s still exists after the next start", c.Folder)
			}
		})
	}
}

func TestStartWithSettings(t *testing.T) {
	t.Parallel()
	s := start(t, Options{
		PostgresSettings: map[string]string{"work_mem": "5MB"},
		RedisSettings:    map[string]string{"maxclients": "123"},
	})
	db := open(t, s, "postgres")
	for name, want := range map[string]string{
		"fsync":                   "off",
		"synchronous_commit":      "off",
		"work_mem":                "5MB",
		"server_encoding":         "UTF8",
		"TimeZone":                "UTC",
		"max_connections":         "200",
		"listen_addresses":        "",
		"unix_socket_directories": s.folder.file("sockets"),
	} {
		var got string
		query(t, db, &got, "SELECT current_setting($1)", name)
		if got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	var locale string
	query(t, db, &locale, "SELECT datcollate || ' ' || datctype FROM pg_database WHERE datname = 'template1'")
	if locale != "C C" {
		t.Errorf("databases have locale %q", locale)
	}

	client := dial(t, s, RedisDatabases-1)
	for name, want := range map[string]string{
		"appendonly":       "no",
		"save":             "",
		"maxmemory-policy": "noeviction",
		"maxclients":       "123",
		"bind":             "127.0.0.1",
	} {
		got, err := client.ConfigGet(t.Context(), name).Result()
		if err != nil {
			t.Fatal(err)
		}
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

func TestServersRefuseOtherUsers(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})

	u, err := url.Parse(s.RedisURL(0))
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: u.Host})
	t.Cleanup(func() { _ = client.Close() })
	if err := client.Ping(t.Context()).Err(); err == nil || !strings.Contains(err.Error(), "NOAUTH") {
		t.Errorf("Redis answered without a password: %v", err)
	}

	for _, name := range []string{"postgres", "sockets", "redis"} {
		info, err := os.Stat(s.folder.file(name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o700 {
			t.Errorf("folder %s has mode %v", name, info.Mode())
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); s.folder.user != nil && ok && stat.Uid != s.folder.user.uid {
			t.Errorf("folder %s belongs to user %d", name, stat.Uid)
		}
	}
	// Ctrl-C in a terminal sends a signal to a process group.
	for _, server := range []*Server{s.Postgres(), s.Redis()} {
		group, err := syscall.Getpgid(server.PID())
		if err != nil || group == syscall.Getpgrp() {
			t.Errorf("%s runs in process group %d, ours (%v)", server.name, group, err)
		}
	}
}

func TestStopRemovesEverything(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	pids := []int{s.Postgres().PID(), s.Redis().PID(), s.reaper.cmd.Process.Pid}
	for range 2 {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d still exists (%v)", pid, err)
		}
	}
	if exists(s.folder.path) {
		t.Errorf("folder %s still exists", s.folder.path)
	}
	for _, server := range []*Server{s.Postgres(), s.Redis()} {
		if err := server.Restart(t.Context()); !errors.Is(err, errStopped) {
			t.Errorf("restarting %s after Stop: %v", server.name, err)
		}
	}
}

func TestDurableServersKeepDataWhenKilled(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := start(t, Options{Durable: true, PostgresSettings: map[string]string{"shared_buffers": "16MB"}})
	db := open(t, s, "postgres")
	for name, want := range map[string]string{"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"} {
		var got string
		query(t, db, &got, "SELECT current_setting($1)", name)
		if got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE kept AS SELECT 7 AS n"); err != nil {
		t.Fatal(err)
	}
	client := dial(t, s, 3)
	if err := client.Set(ctx, "kept", 7, 0).Err(); err != nil {
		t.Fatal(err)
	}
	databaseURL, redisURL := s.DatabaseURL("postgres"), s.RedisURL(3)

	for _, how := range []string{"after a kill", "without a kill"} {
		for _, server := range []*Server{s.Postgres(), s.Redis()} {
			if how == "after a kill" {
				for range 2 { // killing it again is not an error
					if err := server.Kill(); err != nil {
						t.Fatal(err)
					}
				}
			}
			before := server.PID()
			if err := server.Restart(ctx); err != nil {
				t.Fatalf("%s: %v", how, err)
			}
			if server.PID() == before {
				t.Errorf("%s: %s is the same process", how, server.name)
			}
		}
		if s.DatabaseURL("postgres") != databaseURL || s.RedisURL(3) != redisURL {
			t.Errorf("%s: the URLs have changed", how)
		}
		var n int
		query(t, open(t, s, "postgres"), &n, "SELECT n FROM kept")
		if n != 7 {
			t.Errorf("%s: PostgreSQL returned %d, want 7", how, n)
		}
		if n, err := client.Get(ctx, "kept").Int(); err != nil || n != 7 {
			t.Errorf("%s: Redis returned %d (%v), want 7", how, n, err)
		}
	}
}

func TestDatabases(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := start(t, Options{})
	if err := s.CreateDatabase(ctx, "first", ""); err != nil {
		t.Fatal(err)
	}
	first := open(t, s, "first")
	if _, err := first.ExecContext(ctx, "CREATE TABLE t AS SELECT 1 AS n"); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	const odd = `a "copy"?&%`
	if err := s.CreateDatabase(ctx, odd, "first"); err != nil {
		t.Fatal(err)
	}
	var n int
	query(t, open(t, s, odd), &n, "SELECT n FROM t")
	if n != 1 {
		t.Errorf("the copy has %d, want 1", n)
	}
	if err := s.CreateDatabase(ctx, "first", ""); !errors.Is(err, ErrDatabaseExists) {
		t.Errorf("creating it again: %v", err)
	}
	for range 2 { // despite the connection to it, and although it no longer exists
		if err := s.DropDatabase(ctx, odd); err != nil {
			t.Error(err)
		}
	}
}

func TestDirIsReused(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	dir := shortTempDir(t)
	o := Options{Dir: dir}
	s := start(t, o)
	if err := s.CreateDatabase(ctx, "kept", ""); err != nil {
		t.Fatal(err)
	}

	soon, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if _, err := Start(soon, o); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("starting other servers in the same folder: %v", err)
	}

	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	again := start(t, o)
	if err := again.CreateDatabase(ctx, "kept", ""); !errors.Is(err, ErrDatabaseExists) {
		t.Errorf("the database was not kept: %v", err)
	}
	if err := again.Stop(); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(filepath.Join(dir, "postgres", "PG_VERSION"), []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(ctx, o); err == nil || !strings.Contains(err.Error(), "data of PostgreSQL 9") {
		t.Errorf("starting on another version's data: %v", err)
	}
}

func TestFailedStartNamesReasonAndReleasesFolder(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		o    Options
		want string
	}{
		{"postgres", Options{PostgresSettings: map[string]string{"nonsense": "1"}}, `unrecognized configuration parameter "nonsense"`},
		{"redis", Options{RedisSettings: map[string]string{"nonsense": "1"}}, `'nonsense`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.o.Dir = shortTempDir(t)
			_, err := Start(t.Context(), test.o)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("the error does not say %q: %v", test.want, err)
			}
			if !free(test.o.Dir) {
				t.Error("the folder is still in use")
			}
		})
	}
}

// start starts servers that stop when the test ends.
func start(t *testing.T, o Options) *Servers {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func open(t *testing.T, s *Servers, database string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", s.DatabaseURL(database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func query(t *testing.T, db *sql.DB, into any, statement string, args ...any) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), statement, args...).Scan(into); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func dial(t *testing.T, s *Servers, database int) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(s.RedisURL(database))
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// shortTempDir is like t.TempDir, but its path is short enough for a socket and the
// servers' user can enter it.
func shortTempDir(t *testing.T) string {
	t.Helper()
	var err error
	for _, base := range temporaryBases() {
		var dir string
		if dir, err = os.MkdirTemp(base, "dev-test-"); err != nil { //nolint:usetesting // see above
			continue
		}
		if err = errors.Join(os.Chmod(dir, 0o711), suitableNow(dir)); err == nil {
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			return dir
		}
		_ = os.RemoveAll(dir)
	}
	t.Fatal(err)
	return ""
}

func suitableNow(dir string) error {
	user, err := serverAccount()
	if err != nil {
		return err
	}
	return suitable(dir, user)
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("after a minute, not yet: %s", what)
		}
	}
}

func listening(t *testing.T, address string) bool {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// free reports whether no process holds the lock on a folder.
func free(folder string) bool {
	lock, err := lockFolder(folder)
	if err != nil {
		return false
	}
	_ = lock.Close()
	return true
}
