// Package freeradius_test runs a real FreeRADIUS that writes its accounting into our
// database, with the stock site and queries, or with the files in
// deployments/freeradius, and with the rights that docs/operations.md lists.
package freeradius_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	layeh "layeh.com/radius"

	"simtransfer/dev/freeradius"
	"simtransfer/dev/servers"
	"simtransfer/dev/servers/serverstest"
	"simtransfer/storage/storagetest"
)

const secret = "shared secret"

// freeRADIUS is a running server.
type freeRADIUS struct {
	db         *storagetest.DB
	role       string // the database user that has the documented rights
	acct, auth string // host:port
	log        string

	t testing.TB
}

// configuration says in what FreeRADIUS differs from the stock configuration. In each
// case the sql module connects to our database.
type configuration struct {
	shipped bool   // use the module and the policy in deployments/freeradius
	site    bool   // use the site there, too
	sql     string // more items for the section sql

	db         *storagetest.DB            // the database; nil: a new one
	connection func(role string) string   // the connection string for the role; nil: to the database itself
	edit       func(module string) string // changes the section sql; nil: does not
}

// start runs FreeRADIUS until the test ends.
func start(t *testing.T, c configuration) *freeRADIUS {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("FreeRADIUS with its PostgreSQL module is tested on Linux only")
	}
	program, err := freeradius.Program()
	if err != nil {
		t.Fatal(err)
	}
	s := &freeRADIUS{db: c.db, t: t}
	if s.db == nil {
		s.db = storagetest.Open(t)
	}
	s.createRole()
	dir := t.TempDir()
	s.acct, s.auth = serverstest.FreeUDPAddress(t), serverstest.FreeUDPAddress(t)
	s.log = filepath.Join(dir, "log")
	raddb := filepath.Join(dir, "raddb")
	s.configure(raddb, dir, c)
	p, err := servers.Command{
		Path: program, Args: []string{"-d", raddb, "-f", "-l", "stdout", "-x"}, LogFile: s.log, DeathSignal: syscall.SIGKILL,
	}.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			log, _ := os.ReadFile(s.log)
			t.Logf("FreeRADIUS's log:\n%s", log[max(0, len(log)-20_000):])
		}
	})
	if err := p.WaitReady(t.Context(), func(context.Context) error {
		if s.logged("Ready to process requests") == 0 {
			return errors.New("it is not ready to process requests")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return s
}

// logged returns how many times a text is in the log.
func (s *freeRADIUS) logged(text string) int {
	log, err := os.ReadFile(s.log)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Count(string(log), text)
}

// createRole creates the database user with the rights that the page lists.
func (s *freeRADIUS) createRole() {
	s.t.Helper()
	grants := documentedRights(s.t)
	s.role = "freeradius_" + storagetest.One[string](s.db, `SELECT current_database()`)
	s.db.Exec(`CREATE ROLE ` + s.role + ` LOGIN`)
	s.t.Cleanup(func() {
		for _, statement := range []string{`DROP OWNED BY `, `DROP ROLE `} {
			if _, err := s.db.Pool().ExecContext(context.WithoutCancel(s.t.Context()), statement+s.role); err != nil {
				s.t.Error(err)
			}
		}
	})
	s.db.Exec(regexp.MustCompile(`\bfreeradius\b`).ReplaceAllString(grants, s.role))
}

// documentedRights returns the statements that docs/operations.md lists.
func documentedRights(t testing.TB) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	grants := regexp.MustCompile("(?s)```sql\n(GRANT .*?)```").FindSubmatch(page)
	if grants == nil {
		t.Fatal("docs/operations.md has no GRANT statements")
	}
	return string(grants[1])
}

// The demo's FreeRADIUS has the rights that are listed for accounting, and no others.
func TestRightsOfTheDemo(t *testing.T) {
	t.Parallel()
	var want []string
	for line := range strings.Lines(documentedRights(t)) {
		switch {
		case strings.HasPrefix(line, "--"):
			want = append(want, "") // until the next ALTER ROLE, only for Access-Requests
		case len(want) > 0 && want[len(want)-1] == "" && !strings.HasPrefix(line, "ALTER ROLE"):
		default:
			want = append(want, strings.TrimRight(line, ";\n"))
		}
	}
	want = slices.DeleteFunc(want, func(line string) bool { return line == "" })
	got := strings.Split(strings.TrimSpace(freeradius.Rights), ";\n")
	if len(got) == 0 || got[0] != "CREATE ROLE "+freeradius.Role+" LOGIN" || !slices.Equal(got[1:], want) {
		t.Errorf("the statements are\n%q\nwant those that create the user, and\n%q", got, want)
	}
}

// configure makes a folder of configuration from the stock one, on free ports and
// without the parts that need root.
func (s *freeRADIUS) configure(raddb, dir string, c configuration) {
	s.t.Helper()
	stock := stockConfiguration(s.t)
	if err := os.CopyFS(raddb, os.DirFS(stock)); err != nil {
		s.t.Fatal(err)
	}
	edit := func(file string, replace ...string) {
		s.t.Helper()
		path := filepath.Join(raddb, file)
		b, err := os.ReadFile(path)
		if err != nil {
			s.t.Fatal(err)
		}
		text := string(b)
		for i := 0; i < len(replace); i += 2 {
			old := regexp.MustCompile(replace[i])
			if !old.MatchString(text) {
				s.t.Fatalf("the stock file %s has no %s", file, replace[i])
			}
			text = old.ReplaceAllString(text, replace[i+1])
		}
		s.write(path, text)
	}
	edit("radiusd.conf",
		`(?m)^raddbdir = .*`, "raddbdir = "+raddb,
		`(?m)^logdir = .*`, "logdir = "+dir,
		`(?m)^run_dir = .*`, "run_dir = "+dir,
		`(?m)^\s*(user|group) = .*`, "")
	_, acct, _ := net.SplitHostPort(s.acct)
	_, auth, _ := net.SplitHostPort(s.auth)
	_, unused, _ := net.SplitHostPort(serverstest.FreeUDPAddress(s.t))
	edit("sites-available/default",
		`(?m)^(\s*)ipaddr = \*`, "${1}ipaddr = 127.0.0.1",
		`(?m)^(\s*)ipv6addr = ::`, "${1}ipv6addr = ::1",
		`(?m)^(\s*)port = 0`, "${1}port = PORT")
	// The ports follow the order of the sections: auth, acct, and again for IPv6.
	site := filepath.Join(raddb, "sites-available/default")
	text, err := os.ReadFile(site)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, port := range []string{auth, acct, auth, acct} {
		text = []byte(strings.Replace(string(text), "port = PORT", "port = "+port, 1))
	}
	s.write(site, string(text))
	for _, enabled := range []string{"sites-enabled", "mods-enabled"} {
		if err := os.RemoveAll(filepath.Join(raddb, enabled)); err != nil {
			s.t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(raddb, enabled), 0o700); err != nil {
			s.t.Fatal(err)
		}
	}
	for _, file := range []string{
		"sites/default", "mods/always", "mods/attr_filter", "mods/chap", "mods/detail", "mods/digest", "mods/exec", "mods/expiration",
		"mods/expr", "mods/files", "mods/logintime", "mods/mschap", "mods/pap", "mods/preprocess", "mods/realm", "mods/unix",
	} {
		kind, name := filepath.Split(file)
		kind = strings.TrimSuffix(kind, "/")
		if err := os.Symlink(filepath.Join(raddb, kind+"-available", name), filepath.Join(raddb, kind+"-enabled", name)); err != nil {
			s.t.Fatal(err)
		}
	}
	s.write(filepath.Join(raddb, "mods-enabled/eap"), "eap {\n default_eap_type = md5\n md5 {\n }\n}\n") // the stock one reads the machine's private key
	s.write(filepath.Join(raddb, "clients.conf"), fmt.Sprintf("client gateways {\n ipaddr = 127.0.0.1\n secret = %q\n}\n", secret))

	module := "sql {\n\tdriver = \"rlm_sql_postgresql\"\n" + stockSQL(s.t, stock)
	if c.shipped {
		module = s.shipped("mods-available/sql")
		s.write(filepath.Join(raddb, "policy.d/simtransfer"), s.shipped("policy.d/simtransfer"))
		edit("sites-available/default",
			`(?s)(\naccounting \{.*?)\t-sql\n`, "$1\tsimtransfer_accounting\n",
			`(\nauthorize \{\n)`, "$1\tsimtransfer_authorize\n",
			`(\npost-auth \{\n)`, "$1\tsimtransfer_class\n")
	}
	if c.site {
		site := strings.NewReplacer("ipaddr = *", "ipaddr = 127.0.0.1", "port = 1813", "port = "+acct).Replace(s.shipped("sites-available/simtransfer"))
		s.write(filepath.Join(raddb, "sites-enabled/simtransfer"), site)
		edit("sites-available/default", `port = `+acct, "port = "+unused) // the stock module eap needs the site
	}
	connection := s.connection()
	if c.connection != nil {
		connection = c.connection(s.role)
	}
	if c.edit != nil {
		module = c.edit(module)
	}
	module = regexp.MustCompile(`(?m)^\s*radius_db = .*`).ReplaceAllLiteralString(module, "\tradius_db = \""+connection+"\"\n"+c.sql)
	s.write(filepath.Join(raddb, "mods-enabled/sql"), module)
}

func (s *freeRADIUS) shipped(file string) string {
	s.t.Helper()
	text, err := freeradius.Shipped(file)
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

func (s *freeRADIUS) write(path, text string) {
	s.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// stockSQL returns the items of the stock module for PostgreSQL, without the driver
// and the dialect of SQLite.
func stockSQL(t testing.TB, stock string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(stock, "mods-available/sql"))
	if err != nil {
		t.Fatal(err)
	}
	_, items, ok := strings.Cut(string(b), "\nsql {\n")
	if !ok {
		t.Fatal("the stock module has no section sql")
	}
	items = regexp.MustCompile(`(?m)^\s*dialect = .*`).ReplaceAllString(items, "\tdialect = \"postgresql\"")
	items = regexp.MustCompile(`(?m)^\s*driver = .*`).ReplaceAllString(items, "")
	for _, section := range []string{"mysql", "mongo"} { // they name files that do not exist
		items = regexp.MustCompile(`(?ms)^\t`+section+` \{.*?^\t\}`).ReplaceAllString(items, "")
	}
	return items
}

// connection returns the connection string of the role.
func (s *freeRADIUS) connection() string {
	connection, err := freeradius.Connection(s.db.URL, s.role)
	if err != nil {
		s.t.Fatal(err)
	}
	return connection
}

// stockConfiguration returns the folder of FreeRADIUS's own configuration.
func stockConfiguration(t testing.TB) string {
	t.Helper()
	dir, err := freeradius.StockConfiguration()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// send sends packets made by packet, each with a new identifier, until one is
// answered, as gateways do.
func (s *freeRADIUS) send(address string, packet func() *layeh.Packet) *layeh.Packet {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		attempt, cancel := context.WithTimeout(ctx, 2*time.Second) // the reject_delay is 1 s
		answer, err := (&layeh.Client{}).Exchange(attempt, packet(), address)
		cancel()
		if err == nil {
			return answer
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			s.t.Fatal(err)
		}
	}
	s.t.Fatal("FreeRADIUS did not answer")
	return nil
}
