// Package poolertest starts PgBouncer in front of a database, and servers that let it
// connect.
package poolertest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lib/pq"

	"simtransfer/dev/servers"
	"simtransfer/storage"
)

// TrustingServers starts servers to which every user of this machine may
// connect as any role, as a pooler that runs as another user does. It returns
// the URL of a migrated database.
func TrustingServers(t testing.TB) (*servers.Servers, string) {
	t.Helper()
	access := filepath.Join(PublicDir(t), "pg_hba.conf")
	if err := os.WriteFile(access, []byte("local all all trust\nhost all all 127.0.0.1/32 trust\n"), 0o644); err != nil { //nolint:gosec // the servers' user reads it
		t.Fatal(err)
	}
	s, err := servers.Start(t.Context(), servers.Options{PostgresSettings: map[string]string{
		"hba_file":           access,
		"synchronous_commit": "on", // tests kill the server, and what was committed must still be there
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	if err := s.CreateDatabase(t.Context(), "pooled", ""); err != nil {
		t.Fatal(err)
	}
	dsn := s.DatabaseURL("pooled")
	if err := storage.Migrate(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	return s, dsn
}

// PublicDir is a folder that every user may enter and write to.
func PublicDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pooler") //nolint:usetesting // t.TempDir is closed to other users, and too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil { //nolint:gosec // see above
		t.Fatal(err)
	}
	return dir
}

// Start starts PgBouncer in front of the database at dsn, and returns a
// connection string that leads through it.
func Start(t testing.TB, dsn string, settings map[string]string) string {
	t.Helper()
	program, err := FindPgBouncer()
	if err != nil {
		t.Fatal("PgBouncer is not installed: run deployments/setup.sh pgbouncer")
	}
	target, err := pq.NewConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	dir := PublicDir(t)
	lines := []string{
		"[databases]",
		fmt.Sprintf("* = host=%s port=%d user=%s dbname=%s", target.Host, target.Port, target.User, target.Database),
		"[pgbouncer]",
		"listen_port = 6432",
		"unix_socket_dir = " + dir,
		"auth_type = any",
		"max_client_conn = 200",
		"default_pool_size = 3",
		"server_login_retry = 1",
		"ignore_startup_parameters = " + ignoredByPoolers,
	}
	for name, value := range settings {
		lines = append(lines, name+" = "+value)
	}
	config := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil { //nolint:gosec // PgBouncer's user reads it
		t.Fatal(err)
	}
	args := []string{config}
	if os.Geteuid() == 0 { // PgBouncer refuses to run as root
		args = []string{"-u", "nobody", config}
	}
	c := servers.Command{Path: program, Args: args, LogFile: filepath.Join(t.TempDir(), "pgbouncer.log"), DeathSignal: syscall.SIGKILL}
	p, err := c.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Kill() })
	through := fmt.Sprintf("host=%s port=6432 user=%s dbname=pooled sslmode=disable", dir, target.User)
	if err := p.WaitReady(t.Context(), func(ctx context.Context) error {
		c, err := (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, ".s.PGSQL.6432"))
		if err == nil {
			err = c.Close()
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return through
}

// FindPgBouncer looks for the program that SIMTRANSFER_TEST_PGBOUNCER names, or
// for Debian's.
func FindPgBouncer() (string, error) {
	if path := os.Getenv("SIMTRANSFER_TEST_PGBOUNCER"); path != "" {
		return path, nil
	}
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/pgbouncer")
}

// ignoredByPoolers are the parameters that docs/operations.md tells poolers to
// ignore; a test of the page compares them with those that are sent.
const ignoredByPoolers = "idle_in_transaction_session_timeout, lock_timeout, statement_timeout, tcp_user_timeout, plan_cache_mode, enable_seqscan"
