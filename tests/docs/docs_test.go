package docs_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/command"
	"simtransfer/command/commandtest"
	"simtransfer/dev/stack"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

func TestMain(m *testing.M) { commandtest.Main(m, command.Run) }

//go:generate env UPDATE_PAGES=1 go test -count=1 -run ^TestCommandLinePage$ .

// TestCommandLinePage runs the commands of docs/command-line.md in order, in one
// shell against one real stack, and compares their output with the page. With
// UPDATE_PAGES set, it writes the output to the page instead.
func TestCommandLinePage(t *testing.T) {
	t.Parallel()
	const name, address = "../../docs/command-line.md", "http://127.0.0.1:8080"
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	stack, err := stack.Start(t.Context(), stack.Options{Env: []string{commandtest.Env}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Stop(); err != nil {
			t.Error(err)
		}
	})
	sh := newShell(t)
	sh.write("admin.key", stack.Admin.Key+"\n")
	as := names{address: stack.Admin.URL}
	var updated strings.Builder
	for _, part := range parse(string(page)) {
		updated.WriteString(part.text)
		if part.command == "" {
			continue
		}
		got := sh.run(as.real(part.command))
		if as.match(part.output, got) {
			updated.WriteString(part.output)
			continue
		}
		updated.WriteString(as.shown(got))
		if os.Getenv("UPDATE_PAGES") == "" {
			t.Errorf("%s\nprints\n%s\nnot\n%s", part.command, as.shown(got), part.output)
		}
	}
	if os.Getenv("UPDATE_PAGES") != "" {
		if err := os.WriteFile(name, []byte(updated.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// part is a command of a page with what comes before it and what it prints.
type part struct {
	text    string // as it stands on the page, the command included
	command string // empty after the last one
	output  string
}

// parse finds the commands of a page: in its console blocks, the lines after a
// dollar sign, and those after them that begin with a >.
func parse(page string) []part {
	parts := []part{{}}
	inBlock := false
	for line := range strings.Lines(page) {
		last := &parts[len(parts)-1]
		switch {
		case strings.HasPrefix(line, "```"):
			if inBlock = !inBlock && line == "```console\n"; last.command != "" {
				parts = append(parts, part{text: line})
				continue
			}
			last.text += line
		case inBlock && strings.HasPrefix(line, "$ "):
			if last.command != "" {
				parts = append(parts, part{})
				last = &parts[len(parts)-1]
			}
			last.text += line
			last.command = line[2:]
		case inBlock && last.output == "" && strings.HasPrefix(line, "> "):
			last.text += line
			last.command += line[2:]
		case inBlock:
			last.output += line
		default:
			last.text += line
		}
	}
	return parts
}

// names says what stands on a page for what there really is.
type names map[string]string

func (n names) real(text string) string {
	for shown, real := range n {
		text = strings.ReplaceAll(text, shown, real)
	}
	return text
}

func (n names) shown(text string) string {
	for shown, real := range n {
		text = strings.ReplaceAll(text, real, shown)
	}
	return text
}

const (
	anID    = `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`
	aTime   = `\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?Z`
	aKey    = `st_[a-z]+_[a-z2-7]{4}…[a-z2-7]{4}`
	aCursor = `cursor=[0-9]+-[0-9]+`
	anyRows = `(?m)^\.\.\.\n`
)

// match compares what the page says with what was printed. The page's ids stand
// for real ones, the same for the same; times, keys and cursors are any;
// and a line of three dots is any lines.
func (n names) match(page, printed string) bool {
	placeholder := regexp.MustCompile(anID + "|" + aTime + "|" + aKey + "|" + aCursor + "|" + anyRows)
	pattern, rest, unknown := "^", page, []string{}
	for at := placeholder.FindStringIndex(rest); at != nil; at = placeholder.FindStringIndex(rest) {
		pattern += regexp.QuoteMeta(n.real(rest[:at[0]]))
		found := rest[at[0]:at[1]]
		rest = rest[at[1]:]
		switch {
		case found == "...\n":
			pattern += `(?:.*\n)*`
		case strings.HasPrefix(found, "st_"):
			pattern += aKey
		case strings.HasPrefix(found, "cursor="):
			pattern += aCursor
		case !regexp.MustCompile("^" + anID + "$").MatchString(found):
			pattern += aTime
		case n[found] != "":
			pattern += n[found]
		default:
			pattern += "(" + anID + ")"
			unknown = append(unknown, found)
		}
	}
	found := regexp.MustCompile(pattern + regexp.QuoteMeta(n.real(rest)) + "$").FindStringSubmatch(printed)
	for i, id := range unknown {
		if found != nil {
			n[id] = found[i+1]
		}
	}
	return found != nil
}

// shell is a shell in a folder of its own, in which simtransfer is this binary.
type shell struct {
	t      *testing.T
	folder string
	in     io.Writer
	out    *bufio.Reader
}

func newShell(t *testing.T) *shell {
	t.Helper()
	s := &shell{t: t, folder: t.TempDir()}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(program, filepath.Join(s.folder, "simtransfer")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	sh := exec.CommandContext(ctx, "sh")
	sh.Dir = s.folder
	sh.Env = []string{"PATH=" + s.folder + ":" + os.Getenv("PATH"), "HOME=" + s.folder, commandtest.Env, commandtest.QuickExit}
	out, w := io.Pipe()
	sh.Stdout, sh.Stderr = w, w
	s.out = bufio.NewReader(out)
	if s.in, err = sh.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := sh.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = out.Close()
		_ = sh.Wait() // it was killed
	})
	return s
}

func (s *shell) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.folder, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// run runs a command and returns what it prints, on both outputs.
func (s *shell) run(command string) string {
	s.t.Helper()
	const end = "--- end of the output ---"
	if _, err := fmt.Fprintf(s.in, "{\n%s} < /dev/null\necho '%s'\n", command, end); err != nil {
		s.t.Fatal(err)
	}
	var printed strings.Builder
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			s.t.Fatalf("running %s: %v after %s", command, err, printed.String())
		}
		if text, last := strings.CutSuffix(line, end+"\n"); last {
			return printed.String() + text
		}
		printed.WriteString(line)
	}
}

// TestPoolerPage sees that the page has PgBouncer ignore exactly what our
// processes send on connecting and it does not know: it refuses the rest, and
// then no process connects.
func TestPoolerPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile("`ignore_startup_parameters = ([^`]*)`").FindSubmatch(page)
	if line == nil {
		t.Fatal("the page does not name ignore_startup_parameters")
	}
	ignored := strings.Split(string(line[1]), ", ")
	// What PgBouncer takes itself: the connection, and the parameters it tracks.
	known := []string{"user", "database", "application_name", "client_encoding", "datestyle", "standard_conforming_strings", "timezone"}
	var sent []string
	for _, name := range startupParameters(t, storage.Options{GenericPlans: true}) {
		if !slices.Contains(known, strings.ToLower(name)) {
			sent = append(sent, name)
		}
	}
	slices.Sort(ignored)
	slices.Sort(sent)
	if diff := cmp.Diff(sent, ignored); diff != "" {
		t.Errorf("what is sent and what the page ignores (-sent +page):\n%s", diff)
	}
}

// startupParameters are the names of what a process sends on connecting.
func startupParameters(t *testing.T, o storage.Options) []string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	got := make(chan []byte, 1)
	go func() {
		defer close(got)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		var length uint32
		if binary.Read(c, binary.BigEndian, &length) == nil && length > 8 && length < 10000 {
			packet := make([]byte, length-4)
			if _, err := io.ReadFull(c, packet); err == nil {
				got <- packet[4:] // without the protocol's version
			}
		}
	}()
	db, err := storage.Open(t.Context(), "postgres://user@"+l.Addr().String()+"/none?sslmode=disable", o)
	if err == nil {
		_ = db.Close()
		t.Fatal("it has connected to nothing")
	}
	fields := strings.Split(string(<-got), "\x00")
	var names []string
	for i := 0; i+1 < len(fields) && fields[i] != ""; i += 2 {
		names = append(names, fields[i])
	}
	if !slices.Contains(names, "user") || !slices.Contains(names, "statement_timeout") {
		t.Fatalf("this was not read rightly: %q", names)
	}
	return names
}

// TestFreeRADIUSPage sees that a user with the rights of the page, and no
// other, can write sessions: for a new one, an update, and one that has
// outlived its SIM's owner.
func TestFreeRADIUSPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	grants := regexp.MustCompile("(?s)```sql\n(GRANT .*?)```").FindSubmatch(page)
	if grants == nil {
		t.Fatal("the page grants nothing")
	}
	s := storagetest.Open(t)
	tx, err := s.Pool().BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // with the user, who is the whole server's
	account := s.Account()
	sims := s.SIMs(2, storagetest.SIM{Account: account.ID, Status: transfer.Ready})
	run := func(statement string, args ...any) {
		t.Helper()
		if _, err := tx.ExecContext(t.Context(), statement, args...); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	const start = `
		INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime)
		SELECT $1, $1, identifier, '192.0.2.1', clock_timestamp() - $3 * interval '1 hour'
		FROM public.identifiers
		WHERE sim = $2
		LIMIT 1
		ON CONFLICT (acctuniqueid) DO UPDATE SET acctstarttime = EXCLUDED.acctstarttime`
	run(`CREATE ROLE freeradius`)
	run(string(grants[1]))
	run(`UPDATE registrations SET request = gen_random_uuid(), n = 0 WHERE sim = $1`, sims[1].ID)
	run(`SET LOCAL ROLE freeradius`)
	run(start, "new", sims[0].ID, 0)
	run(start, "new", sims[0].ID, 0)
	run(start, "outlived", sims[1].ID, 1)
	run(`UPDATE radius.radacct SET acctstoptime = clock_timestamp() WHERE acctuniqueid = 'new'`)
	run(`SELECT * FROM radius.nas`)
	run(`RESET ROLE`)
	var strays, active int
	if err := tx.QueryRowxContext(t.Context(), `
		SELECT
			(SELECT count(*) FROM work WHERE kind = 'drop_stray'),
			(SELECT count(*) FROM sims WHERE status = 'active')`).Scan(&strays, &active); err != nil {
		t.Fatal(err)
	}
	if strays != 1 || active != 1 {
		t.Errorf("%d stray sessions and %d active SIMs, want one each", strays, active)
	}
}
