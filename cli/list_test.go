package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// accountsInPages answers with n accounts, in pages.
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

func TestJSONIsWhatTheServiceAnswers(t *testing.T) {
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
		"ACCOUNT  EMAIL  CURRENCY  COVERAGE  STANDING\n" +
		"1        é      -         c         -\n" +
		"a wide one  e      �[31mred�  c         open\n")
}

func TestEmptyLists(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"items":[]}`) })
	c.is(c.run("requests", "list"), 0, "There are none.")
	c.prints("")
}

func TestBatchResults(t *testing.T) {
	t.Parallel()
	const second = "0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c23"
	answer := map[string]string{
		"/v1/batches/" + someBatch:                                `{}`,
		"/v1/transfer-requests?batch=" + someBatch + "&limit=200": `{"items":[{"id":"` + second + `","destination":"OP0000000003"},{"id":"` + someRequest + `","destination":"OP0000000002"}]}`,
		"/v1/transfer-requests/" + someRequest + "/transfers?limit=1000&state=failed": `{"items":[{"line":2,"identifier":"12","state":"failed","reason":"r","remedy":"do, this","session_dropped":false,` +
			`"fee":{"amount_minor":250,"currency":"EUR"},"finished_at":"2026-01-02T03:04:05.6Z"}],"next_cursor":"0"}`,
		"/v1/transfer-requests/" + someRequest + "/transfers?cursor=0&limit=1000&state=failed": `{"items":[{"line":4,"identifier":"14","state":"failed","session_dropped":true}]}`,
		"/v1/transfer-requests/" + second + "/transfers?limit=1000&state=failed":               `{"items":[{"line":3,"identifier":"13","iccid":"8","state":"failed","session_dropped":false}]}`,
	}
	c := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
		text, ok := answer[r.URL.RequestURI()]
		if !ok {
			t.Errorf("called %s", r.URL)
		}
		_, _ = io.WriteString(w, text)
	})
	c.is(c.run("batches", "results", someBatch, "--state=failed"), 0)
	c.prints("request,destination,line,sim,iccid,state,method,reason,remedy,fee_minor,fee_currency,session_dropped,advice,finished_at\n" +
		someRequest + `,OP0000000002,2,12,,failed,,r,"do, this",250,EUR,false,,2026-01-02T03:04:05.6Z` + "\n" +
		someRequest + ",OP0000000002,4,14,,failed,,,,,,true,,\n" +
		second + ",OP0000000003,3,13,8,failed,,,,,,false,,\n")
	c.is(c.run("batches", "results", someBatch, "--state=failed", "--format=ndjson"), 0)
	lines := strings.Split(c.out.String(), "\n")
	if len(lines) != 4 || lines[2] != `{"request":"`+second+`","destination":"OP0000000003","line":3,"identifier":"13","iccid":"8","state":"failed","session_dropped":false}` {
		t.Errorf("printed\n%s", c.out.String())
	}
}

func TestResultsOfAnUnknownBatch(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(w http.ResponseWriter, _ *http.Request) { problem(w, 404, "not_found") })
	c.is(c.run("batches", "results", someBatch), 3, "no such thing")
	c.prints("")
}
