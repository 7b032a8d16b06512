package docs_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"simtransfer/command"
	"simtransfer/command/commandtest"
	"simtransfer/dev/stack"
)

func TestMain(m *testing.M) { commandtest.Main(m, command.Run) }

//go:generate env UPDATE_PAGES=1 go test -count=1 -run ^TestCommandLinePage$ .

// TestCommandLinePage runs the commands of docs/command-line.md in order, in one
// shell against one real stack, and compares their output with the page. With
// UPDATE_PAGES set, it writes the output to the page instead.
func TestCommandLinePage(t *testing.T) {
	t.Parallel()
	stack, sh := startStack(t)
	runPage(t, "../../docs/command-line.md", sh, names{serviceAddress: stack.Admin.URL})
}

// serviceAddress is the address of the service on a page.
const serviceAddress = "http://127.0.0.1:8080"

// startStack starts a service, and a shell whose folder has the key of an
// administrator.
func startStack(t *testing.T, env ...string) (*stack.Stack, *shell) {
	t.Helper()
	stack, err := stack.Start(t.Context(), stack.Options{Env: append(env, commandtest.Env)})
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
	return stack, sh
}

// runPage runs the commands of a page in a shell and compares their output with
// the page, or writes it to the page.
func runPage(t *testing.T, name string, sh *shell, as names) {
	t.Helper()
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
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
		as.learn(part.output, got)
		updated.WriteString(as.shown(got))
		if os.Getenv("UPDATE_PAGES") == "" {
			t.Errorf("%s\nprints\n%s\nwant\n%s", part.command, as.shown(got), part.output)
		}
	}
	if os.Getenv("UPDATE_PAGES") != "" {
		if err := os.WriteFile(name, []byte(updated.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// part is a command of a page, the text before it, and its output.
type part struct {
	text    string // verbatim, including the command
	command string // empty after the last command
	output  string
}

// parse splits a page into its commands: the lines of console blocks that begin
// with "$ ", each with the lines that follow and begin with "> ".
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

// names maps the names on the page, such as ids, to the real ones.
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

// learn pairs the ids on the page that are not known yet with those that were
// printed, in their order, if an output does not match.
func (n names) learn(page, printed string) {
	fresh := func(text string, known func(string) bool) (list []string) {
		for _, id := range regexp.MustCompile(anID).FindAllString(text, -1) {
			if !known(id) && !slices.Contains(list, id) {
				list = append(list, id)
			}
		}
		return list
	}
	real := slices.Collect(maps.Values(n))
	ids := fresh(printed, func(id string) bool { return slices.Contains(real, id) })
	for i, id := range fresh(page, func(id string) bool { return n[id] != "" }) {
		if i < len(ids) {
			n[id] = ids[i]
		}
	}
}

// match compares the output on the page with what was printed. An id on the page
// matches any id the first time and the same one afterwards. Times, keys and cursors
// match any, and a line of three dots matches any lines.
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
