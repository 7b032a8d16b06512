package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// accountsInPages is a service that lists n accounts, in pages.
func accountsInPages(n int, made *calls) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		made.note(r)
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		from, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
		var items []string
		for i := from + 1; i <= min(n, from+limit); i++ {
			items = append(items, fmt.Sprintf(`{"operator_id":"OP%010d","email":"sims%d@example.com"}`, i, i))
		}
		next := ""
		if from+limit < n {
			next = fmt.Sprintf(`,"next_cursor":"%d"`, from+limit)
		}
		fmt.Fprintf(w, `{"items":[%s]%s}`+"\n", strings.Join(items, ","), next)
	}
}

func TestListsReadAsManyPagesAsNeeded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args  []string
		calls []string
		lines int
		says  string
	}{
		{nil, []string{"limit=50"}, 50, "--cursor=50"},
		{[]string{"--limit=3", "--cursor=448"}, []string{"cursor=448&limit=3"}, 2, ""},
		{[]string{"--limit=250"}, []string{"limit=200", "cursor=200&limit=50"}, 250, "--cursor=250"},
		{[]string{"--limit=450"}, []string{"limit=200", "cursor=200&limit=200", "cursor=400&limit=50"}, 450, ""},
		{[]string{"--all"}, []string{"limit=200", "cursor=200&limit=200", "cursor=400&limit=200"}, 450, ""},
	} {
		var made calls
		term := newTerminal(t, accountsInPages(450, &made))
		term.is(term.run(append([]string{"accounts", "list"}, c.args...)...), 0, c.says)
		if got := strings.Count(term.out.String(), "\n"); got != c.lines+1 {
			t.Errorf("%q: %d lines, not %d below the heading", c.args, got-1, c.lines)
		}
		if c.says == "" && term.err.Len() > 0 {
			t.Errorf("%q: it says %s", c.args, term.err.String())
		}
		want := "GET /v1/accounts?" + strings.Join(c.calls, "\nGET /v1/accounts?")
		if got := strings.Join(made.list, "\n"); got != want {
			t.Errorf("%q: called\n%s\nnot\n%s", c.args, got, want)
		}
	}
}

func TestJSONIsUnchanged(t *testing.T) {
	t.Parallel()
	var made calls
	c := newTerminal(t, accountsInPages(201, &made))
	c.is(c.run("accounts", "list", "--all", "--json"), 0)
	pages := strings.SplitAfter(c.out.String(), "\n")
	if len(pages) != 3 || !strings.HasPrefix(pages[0], `{"items":[{"operator_id":"OP0000000001",`) || !strings.HasSuffix(pages[0], `"next_cursor":"200"}`+"\n") ||
		pages[1] != `{"items":[{"operator_id":"OP0000000201","email":"sims201@example.com"}]}`+"\n" || c.err.Len() > 0 {
		t.Errorf("printed\n%s%s", c.out.String(), c.err.String())
	}
}

func TestTables(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("cursor") == "" {
			_, _ = io.WriteString(w, `{"items":[{"operator_id":"1","email":"é","currency":"","coverage":"c"}],"next_cursor":"x"}`)
			return
		}
		_, _ = io.WriteString(w, `{"items":[{"operator_id":"a wide one","email":"e","currency":"\u001b[31mred\n","coverage":"c","standing":"open"}]}`)
	})
	c.is(c.run("accounts", "list", "--all"), 0)
	c.prints("" +
		"ACCOUNT  NAME  EMAIL  CURRENCY  COVERAGE  STANDING\n" +
		"1        -     é      -         c         -\n" +
		"a wide one  -     e      �[31mred   c         open\n")
}

func TestEmptyLists(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"items":[]}`) })
	c.is(c.run("requests", "list"), 0, "Nothing found.")
	c.prints("")
}
