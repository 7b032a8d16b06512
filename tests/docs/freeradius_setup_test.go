package docs_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lib/pq"
	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"

	"simtransfer/dev/freeradius"
	"simtransfer/dev/servers"
	"simtransfer/dev/servers/serverstest"
	"simtransfer/dev/stack"
	"simtransfer/radius"
)

// TestRADIUSSetup sets up accounting as docs/operations.md says, by simtransfer radius and
// by a FreeRADIUS with Debian's configuration: it runs the commands and statements of the
// page, and makes the changes to files that the page describes.
func TestRADIUSSetup(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("FreeRADIUS with its PostgreSQL module is tested on Linux only")
	}
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	stack, sh := startStack(t)
	s := &radiusSetup{t: t, stack: stack, sh: sh, raddb: filepath.Join(t.TempDir(), "raddb"), acct: serverstest.FreeUDPAddress(t), auth: serverstest.FreeUDPAddress(t)}
	gateway, err := radius.SimulateGateway("127.0.0.1:0", []byte("gateway secret"), radius.Behavior{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = gateway.Close() })
	sh.run("export SIMTRANSFER_URL=" + stack.Admin.URL + " SIMTRANSFER_API_KEY=$(cat admin.key) SIMTRANSFER_DATABASE_URL='" + stack.DatabaseURL("simtransfer") + "'\n")
	s.expect("simtransfer accounts create OP0000000001 --email=sims1@example.com --currency=EUR --coverage=emea\n", "OP0000000001")
	s.expect("simtransfer plans set worldwide --no-coverage-bound\n", "worldwide")
	sh.write("inventory.csv", "iccid,imsis,account,plan,status\n8999901000000000001,001010000000001,OP0000000001,worldwide,active\n")
	s.expect("simtransfer sims import inventory.csv\n", "1 SIM imported")

	// The two ways do not differ in what a gateway sees.
	t.Log("simtransfer radius")
	s.expect("echo 'gateway secret' | simtransfer gateways set 127.0.0.1 --server="+gateway.Gateway().Address+"\n", "127.0.0.1")
	s.expect("echo 'gateway secret' | simtransfer gateways set 127.0.0.5 --server="+gateway.Gateway().Address+"\n", "127.0.0.5")
	listener, err := stack.StartRADIUS(t.Context(), s.acct)
	if err != nil {
		t.Fatal(err)
	}
	sh.run("SECRET='gateway secret'\n")
	s.send(commandsOf(t, string(page), "### Accounting without FreeRADIUS")[0])
	if err := listener.Kill(); err != nil {
		t.Fatal(err)
	}

	t.Log("FreeRADIUS")
	blocks := commandsOf(t, string(page), "### FreeRADIUS")
	if len(blocks) != 3 {
		t.Fatalf("the page has %d blocks of commands, want 3", len(blocks))
	}
	s.statements(string(page))
	s.copyStock()
	files, err := filepath.Abs("../../deployments/freeradius")
	if err != nil {
		t.Fatal(err)
	}
	sh.run("export PATH=\"$PATH:/usr/sbin\" FILES='" + files + "'\nfreeradius() { command freeradius -d '" + s.raddb + "' \"$@\"; }\n")
	s.run(blocks[0])
	s.editFiles()
	s.run(blocks[1])
	s.send(blocks[2])

	access := s.radclient("User-Name = \"001010000000001\", User-Password = \"x\"", "auth "+s.auth, "testing123")
	for _, want := range []string{"Received Access-Accept", `Filter-Id = "gold"`, "Class = 0x73696e63653d"} {
		if !strings.Contains(access, want) {
			t.Errorf("the answer to an Access-Request does not have %s:\n%s", want, access)
		}
	}

	// FreeRADIUS takes the gateways from simtransfer, as the page offers.
	s.exec(regexp.MustCompile("`(GRANT SELECT \\(id, .* TO freeradius)`").FindStringSubmatch(string(page))[1])
	s.edit("mods-available/sql", `read_clients = no`, "read_clients = yes")
	s.startFreeRADIUS()
	s.account("127.0.0.5", "gateway secret")
	s.account("127.0.0.1", "testing123") // that is in clients.conf
}

// commandsOf returns the blocks of commands in a section of the page that a test runs.
func commandsOf(t *testing.T, page, heading string) []string {
	t.Helper()
	_, section, _ := strings.Cut(page, "\n"+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	if next := strings.Index(section, "\n### "); next >= 0 {
		section = section[:next]
	}
	var blocks []string
	for _, b := range regexp.MustCompile("(?s)<!-- a test runs these commands -->\n```sh\n(.*?)```").FindAllStringSubmatch(section, -1) {
		blocks = append(blocks, b[1])
	}
	if len(blocks) == 0 {
		t.Fatalf("the section %q has no commands", heading)
	}
	return blocks
}

// radiusSetup is what an engineer works on who follows the page.
type radiusSetup struct {
	t          *testing.T
	stack      *stack.Stack
	sh         *shell
	raddb      string // FreeRADIUS's configuration
	acct, auth string // host:port
	process    *servers.Process
}

// run runs commands of the page, and fails the test if one prints anything or fails.
func (s *radiusSetup) run(commands string) {
	s.t.Helper()
	commands = strings.ReplaceAll(commands, "/etc/freeradius/3.0", s.raddb)
	for line := range strings.Lines(commands) {
		if out := s.sh.run(line + "echo $?\n"); out != "0\n" {
			s.t.Fatalf("%s printed\n%s", line, out)
		}
	}
}

func (s *radiusSetup) expect(command, want string) {
	s.t.Helper()
	if out := s.sh.run(command); !strings.Contains(out, want) {
		s.t.Fatalf("%s printed\n%s\nwant %q", command, out, want)
	}
}

// send runs the commands of the page that check the configuration, start FreeRADIUS, send
// accounting, and check the set-up.
func (s *radiusSetup) send(block string) {
	s.t.Helper()
	for line := range strings.Lines(block) {
		line = strings.ReplaceAll(line, "127.0.0.1:1813", s.acct)
		switch {
		case strings.HasPrefix(line, "freeradius -XC"):
			s.expect(line, "Configuration appears to be OK")
		case strings.HasPrefix(line, "systemctl restart"):
			s.startFreeRADIUS()
		case strings.Contains(line, "radclient"):
			s.expect(strings.Replace(line, "radclient ", "radclient -x ", 1), "Received Accounting-Response")
		case strings.Contains(line, "sims sessions"):
			s.expect(line, " open ")
		case strings.Contains(line, "check --radius"):
			if out := s.sh.run(line + "echo \"exit code $?\"\n"); !strings.Contains(out, "exit code 0") {
				s.t.Errorf("%s printed\n%s", line, out)
			}
		default:
			s.t.Fatalf("the test does not know the command %s", line)
		}
	}
}

// statements runs the statements of the page for FreeRADIUS.
func (s *radiusSetup) statements(page string) {
	s.t.Helper()
	for _, pattern := range []string{
		"(?m)^ *(CREATE ROLE freeradius .*)$", "(?s)```sql\n(GRANT USAGE ON SCHEMA radius TO freeradius.*?)```", "(?s)```sql\n(INSERT INTO radius.radgroupcheck.*?)```",
	} {
		found := regexp.MustCompile(pattern).FindStringSubmatch(page)
		if found == nil {
			s.t.Fatalf("the page has no %s", pattern)
		}
		s.exec(found[1])
	}
}

func (s *radiusSetup) exec(statements string) {
	s.t.Helper()
	connector, err := pq.NewConnector(s.stack.DatabaseURL("simtransfer"))
	if err != nil {
		s.t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(s.t.Context(), statements); err != nil {
		s.t.Fatalf("%s: %v", statements, err)
	}
}

// copyStock copies the stock configuration, and changes what needs root or the machine's
// own ports and keys.
func (s *radiusSetup) copyStock() {
	s.t.Helper()
	stock, err := freeradius.StockConfiguration()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.CopyFS(s.raddb, os.DirFS(stock)); err != nil {
		s.t.Fatal(err)
	}
	dir := filepath.Dir(s.raddb)
	s.edit("radiusd.conf", `(?m)^raddbdir = .*`, "raddbdir = "+s.raddb)
	s.edit("radiusd.conf", `(?m)^logdir = .*`, "logdir = "+dir)
	s.edit("radiusd.conf", `(?m)^run_dir = .*`, "run_dir = "+dir)
	s.edit("radiusd.conf", `(?m)^\s*(user|group) = .*`, "")
	for _, enabled := range []string{"sites-enabled", "mods-enabled"} {
		folder := filepath.Join(s.raddb, enabled)
		if err := errors.Join(os.RemoveAll(folder), os.Mkdir(folder, 0o700)); err != nil {
			s.t.Fatal(err)
		}
	}
	for _, name := range []string{
		"sites/default", "mods/always", "mods/attr_filter", "mods/chap", "mods/detail", "mods/digest", "mods/exec", "mods/expiration", "mods/expr",
		"mods/files", "mods/logintime", "mods/mschap", "mods/pap", "mods/preprocess", "mods/radutmp", "mods/realm", "mods/unix",
	} { // as a new installation has them
		kind, name, _ := strings.Cut(name, "/")
		if err := os.Symlink(filepath.Join("..", kind+"-available", name), filepath.Join(s.raddb, kind+"-enabled", name)); err != nil {
			s.t.Fatal(err)
		}
	}
	s.write("mods-enabled/eap", "eap {\n default_eap_type = md5\n md5 {\n }\n}\n") // the stock one reads the machine's private key
}

// editFiles makes the changes that the page describes in words.
func (s *radiusSetup) editFiles() {
	s.t.Helper()
	connection, err := freeradius.Connection(s.stack.DatabaseURL("simtransfer"), freeradius.Role)
	if err != nil {
		s.t.Fatal(err)
	}
	s.edit("mods-available/sql", `(?m)^\s*radius_db = .*`, "\tradius_db = \""+connection+"\"")
	s.edit("sites-available/default", `(?ms)^listen \{\n(?:[^}\n][^\n]*\n|\n)*?\s*type = acct\n.*?^\}\n`, "")
	_, acct, _ := net.SplitHostPort(s.acct)
	_, auth, _ := net.SplitHostPort(s.auth)
	s.edit("sites-available/default", `(?m)^(\s*)ipaddr = \*`, "${1}ipaddr = 127.0.0.1")
	s.edit("sites-available/default", `(?m)^(\s*)ipv6addr = ::`, "${1}ipv6addr = ::1")
	s.edit("sites-available/default", `(?m)^(\s*)port = 0`, "${1}port = "+auth)
	s.edit("sites-available/simtransfer", `ipaddr = \*`, "ipaddr = 127.0.0.1")
	s.edit("sites-available/simtransfer", `port = 1813`, "port = "+acct)
}

func (s *radiusSetup) edit(file, pattern, with string) {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.raddb, file))
	if err != nil {
		s.t.Fatal(err)
	}
	p := regexp.MustCompile(pattern)
	if !p.Match(text) {
		s.t.Fatalf("%s has no %s", file, pattern)
	}
	s.write(file, p.ReplaceAllString(string(text), with))
}

func (s *radiusSetup) write(file, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.raddb, file), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// startFreeRADIUS starts FreeRADIUS again, which runs until the test ends.
func (s *radiusSetup) startFreeRADIUS() {
	s.t.Helper()
	program, err := freeradius.Program()
	if err != nil {
		s.t.Fatal(err)
	}
	if s.process != nil {
		if err := s.process.Kill(); err != nil {
			s.t.Fatal(err)
		}
	}
	log := filepath.Join(s.t.TempDir(), "log")
	p, err := servers.Command{Path: program, Args: []string{"-d", s.raddb, "-f", "-l", "stdout", "-x"}, LogFile: log, DeathSignal: syscall.SIGKILL}.Start()
	if err != nil {
		s.t.Fatal(err)
	}
	s.process = p
	s.t.Cleanup(func() {
		_ = p.Kill() // it may have been replaced
		if s.t.Failed() {
			text, _ := os.ReadFile(log)
			s.t.Logf("FreeRADIUS's log:\n%s", text[max(0, len(text)-10_000):])
		}
	})
	if err := p.WaitReady(s.t.Context(), func(context.Context) error {
		if text, err := os.ReadFile(log); err != nil || !strings.Contains(string(text), "Ready to process requests") {
			return errors.New("it is not ready to process requests")
		}
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
}

// radclient sends a packet to "auth host:port", and returns the answer.
func (s *radiusSetup) radclient(attributes, to, secret string) string {
	s.t.Helper()
	kind, address, _ := strings.Cut(to, " ")
	return s.sh.run("echo '" + attributes + "' | radclient -x " + address + " " + kind + " " + secret + "\n")
}

// account sends the start of a session from an address of this machine, until it is
// answered.
func (s *radiusSetup) account(from, secret string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	p := layeh.New(layeh.CodeAccountingRequest, []byte(secret))
	_ = rfc2866.AcctStatusType_Set(p, rfc2866.AcctStatusType_Value_Start)
	_ = rfc2866.AcctSessionID_SetString(p, from)
	_ = rfc2865.UserName_SetString(p, "001010000000001")
	_ = rfc2865.NASIPAddress_Set(p, net.ParseIP(from))
	client := layeh.Client{Retry: time.Second, Dialer: net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}}}
	if _, err := client.Exchange(ctx, p, s.acct); err != nil {
		s.t.Errorf("accounting from %s: %v", from, err)
	}
}
