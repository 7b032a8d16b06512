package servers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lib/pq"
)

// superuser is the role of all connections.
const superuser = "simtransfer"

// ErrDatabaseExists is returned if a database of that name already exists.
var ErrDatabaseExists = errors.New("the database already exists")

// postgresInstance is a database cluster.
//
// It listens only on a unix socket and uses peer authentication: the kernel tells
// it which user connects, and it accepts only the user of this process. So no
// password can leak through a URL or the process list or slow connections down by
// its key stretching, and no port can be taken.
type postgresInstance struct {
	postgresBinaries
	folder   *folder
	data     string
	sockets  string
	settings map[string]string
	signal   syscall.Signal // to stop it, also when this process dies
	inherit  []*os.File
}

// newPostgres creates the cluster, unless the folder has one.
func newPostgres(ctx context.Context, f *folder, o Options, inherit []*os.File) (*postgresInstance, error) {
	binaries, err := findPostgres(ctx, postgresDirs())
	if err != nil {
		return nil, err
	}
	pg := &postgresInstance{
		postgresBinaries: binaries,
		folder:           f,
		data:             f.file("postgres"),
		signal:           o.postgresSignal(),
		inherit:          inherit,
	}
	if pg.sockets, err = f.sub("sockets"); err != nil {
		return nil, err
	}
	if err := pg.writeAccess(); err != nil {
		return nil, err
	}
	if err := pg.initialize(ctx, o.Durable); err != nil {
		return nil, err
	}
	pg.settings = pg.defaults(ctx, o.Durable)
	maps.Copy(pg.settings, o.PostgresSettings)
	return pg, nil
}

// writeAccess configures that only the user of this process may connect, as
// superuser.
func (pg *postgresInstance) writeAccess() error {
	me, err := user.Current()
	if err != nil {
		return fmt.Errorf("looking up the user of this process: %w", err)
	}
	name := `"` + strings.ReplaceAll(me.Username, `"`, `""`) + `"`
	for file, line := range map[string]string{
		"pg_hba.conf":   "local all all peer map=dev\n",
		"pg_ident.conf": "dev " + name + " " + superuser + "\n",
	} {
		path := pg.folder.file(file)
		err := os.WriteFile(path, []byte(line), 0o644)
		if err == nil {
			err = os.Chmod(path, 0o644) // despite the umask: the servers' user has to read it
		}
		if err != nil {
			return fmt.Errorf("writing who may connect to PostgreSQL: %w", err)
		}
	}
	return nil
}

func (pg *postgresInstance) initialize(ctx context.Context, durable bool) error {
	major, err := os.ReadFile(filepath.Join(pg.data, "PG_VERSION"))
	if err == nil {
		if v := strings.TrimSpace(string(major)); v != strconv.Itoa(pg.major) {
			return fmt.Errorf("folder %s holds data of PostgreSQL %s, which version %d cannot read: install version %[2]s or remove the folder", pg.data, v, pg.major)
		}
		return nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}

	// It is created under another name first, so that an interrupted start leaves no
	// incomplete cluster.
	const unfinished = "postgres.new"
	if err := os.RemoveAll(pg.folder.file(unfinished)); err != nil {
		return err
	}
	dir, err := pg.folder.sub(unfinished)
	if err != nil {
		return err
	}
	args := []string{
		"--pgdata=" + dir,
		"--username=" + superuser,
		"--encoding=UTF8",
		"--locale=C",
		"--auth=peer",
	}
	if !durable {
		args = append(args, "--no-sync")
	}
	initdb := Command{
		Path:        pg.initdb,
		Args:        args,
		LogFile:     pg.folder.file("initdb.log"),
		user:        pg.folder.user,
		inherit:     pg.inherit,
		DeathSignal: syscall.SIGKILL,
	}
	if err := initdb.run(ctx); err != nil {
		return fmt.Errorf("creating a database cluster in %s: %w", dir, err)
	}
	return os.Rename(dir, pg.data)
}

// defaults returns settings for a small machine that does other work as well.
func (pg *postgresInstance) defaults(ctx context.Context, durable bool) map[string]string {
	settings := map[string]string{
		"listen_addresses":        "",
		"port":                    "5432", // names the socket
		"unix_socket_directories": pg.sockets,
		"hba_file":                pg.folder.file("pg_hba.conf"),
		"ident_file":              pg.folder.file("pg_ident.conf"),
		"max_connections":         "200",
		"random_page_cost":        "1.1", // for solid-state disks
		"jit":                     "off", // slows short statements down
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"logging_collector":       "off", // standard error is the log file
	}
	if !durable {
		maps.Copy(settings, map[string]string{
			"shared_buffers":     "256MB",
			"max_wal_size":       "512MB", // temporary folders are often in memory
			"checkpoint_timeout": "1h",
			"fsync":              "off",
			"full_page_writes":   "off",
			"synchronous_commit": "off",
			"wal_level":          "minimal",
			"max_wal_senders":    "0", // required by wal_level minimal
			// In the folder, so that a kill leaves nothing elsewhere.
			"dynamic_shared_memory_type": "mmap",
		})
		return settings
	}
	maps.Copy(settings, map[string]string{
		"shared_buffers":     "1GB",
		"max_wal_size":       "4GB",
		"fsync":              "on",
		"full_page_writes":   "on",
		"synchronous_commit": "on",
		"wal_compression":    "on",
	})
	lz4 := Command{
		Path:    pg.postgres,
		Args:    []string{"-D", pg.data, "-C", "wal_compression", "-c", "wal_compression=lz4"},
		LogFile: pg.folder.file("initdb.log"),
		user:    pg.folder.user,
	}
	if lz4.run(ctx) == nil { // version 14 and some builds do not support it
		settings["wal_compression"] = "lz4"
	}
	return settings
}

// launch starts PostgreSQL and waits until it takes connections.
func (pg *postgresInstance) launch(ctx context.Context) (*Process, error) {
	args := []string{"-D", pg.data}
	for _, name := range slices.Sorted(maps.Keys(pg.settings)) {
		args = append(args, "-c", name+"="+pg.settings[name])
	}
	c := Command{
		Path:        pg.postgres,
		Args:        args,
		LogFile:     pg.folder.file("postgres.log"),
		user:        pg.folder.user,
		inherit:     pg.inherit,
		DeathSignal: pg.signal,
	}
	for {
		p, err := c.Start()
		if err != nil {
			return nil, err
		}
		err = p.WaitReady(ctx, pg.ping)
		if err == nil {
			return p, nil
		}
		_ = p.Stop(syscall.SIGQUIT, failedStartTimeout)
		// After a kill, the last child processes of the old server may still be running.
		if !strings.Contains(p.output(), "is still in use") {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (pg *postgresInstance) ping(ctx context.Context) error {
	return pg.exec(ctx, "SELECT 1")
}

// exec runs one statement on a new connection, outside a transaction.
func (pg *postgresInstance) exec(ctx context.Context, statement string) (err error) {
	db, err := sql.Open("postgres", pg.url("postgres"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, statement)
	return err
}

func (pg *postgresInstance) url(database string) string {
	u := url.URL{
		Scheme: "postgres",
		User:   url.User(superuser),
		Path:   "/" + database,
		RawQuery: url.Values{
			"host":    {pg.sockets},
			"port":    {pg.settings["port"]},
			"sslmode": {"disable"},
		}.Encode(),
	}
	return u.String()
}

func (pg *postgresInstance) createDatabase(ctx context.Context, name, template string) error {
	statement := "CREATE DATABASE " + pq.QuoteIdentifier(name)
	if template != "" {
		statement += " TEMPLATE " + pq.QuoteIdentifier(template)
		if pg.major >= 15 { // before 15 it is the only strategy
			// A third faster than WAL_LOG for a database without rows.
			statement += " STRATEGY FILE_COPY"
		}
	}
	err := pg.exec(ctx, statement)
	if e, ok := errors.AsType[*pq.Error](err); ok && e.Code == "42P04" { // duplicate_database
		err = ErrDatabaseExists
	}
	if err != nil {
		return fmt.Errorf("creating database %q: %w", name, err)
	}
	return nil
}

func (pg *postgresInstance) dropDatabase(ctx context.Context, name string) error {
	if err := pg.exec(ctx, "DROP DATABASE IF EXISTS "+pq.QuoteIdentifier(name)+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("dropping database %q: %w", name, err)
	}
	return nil
}
