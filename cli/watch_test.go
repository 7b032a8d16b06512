package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"simtransfer/cli"
	"simtransfer/transfer"
)

// story is a request or a batch that changes with each poll.
type story struct {
	looks  []map[string]any
	events []map[string]any // of which those up to the number of looks have happened
	looked int
	busy   int // how many calls are refused after the first look
}

func (s *story) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.looked == 1 && s.busy > 0 {
		s.busy--
		problem(w, 503, "busy")
		return
	}
	var answer any
	if strings.HasSuffix(r.URL.Path, "/events") {
		var after int
		_, _ = fmt.Sscan(r.URL.Query().Get("cursor"), &after)
		answer = map[string]any{"items": s.events[min(after, len(s.events)):min(s.looked, len(s.events))]}
	} else {
		answer = s.looks[min(s.looked, len(s.looks)-1)]
		s.looked++
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// nextAction is that it is the turn of a party, null for none.
func nextAction(party any) any {
	if party == nil {
		return nil
	}
	return map[string]any{"party": party, "until": "2026-01-03T00:00:00Z", "acts": []string{"accept", "decline"}}
}

func look(state, waitingFor string, counts map[string]int, finished bool) map[string]any {
	v := map[string]any{"id": someRequest, "state": state, "source": "OP0000000001", "destination": "OP0000000002", "counts": counts}
	if waitingFor != "" {
		v["next_action"], v["expires_at"] = nextAction(waitingFor), "2026-01-03T00:00:00Z"
	}
	if finished {
		v["finished_at"] = "2026-01-02T00:00:09Z"
		v["outcome"] = transfer.OutcomeOf(counts["completed"], counts["sims"])
	}
	return v
}

// moving is a request of which most SIMs are transferred.
func moving(ineligible int) *story {
	counts := func(pending, eligible, completed int) map[string]int {
		return map[string]int{"sims": 1000, "pending": pending, "eligible": eligible, "completed": completed, "ineligible": ineligible}
	}
	return &story{
		looks: []map[string]any{
			look("validating", "", counts(1000, 0, 0), false),
			look("validating", "", counts(700, 300, 0), false),
			look("awaiting_acceptance", "destination", counts(0, 1000-ineligible, 0), false),
			look("awaiting_acceptance", "destination", counts(0, 1000-ineligible, 0), false),
			look("transferring", "", counts(0, 500, 500-ineligible), false),
			look("completed", "", counts(0, 0, 1000-ineligible), true),
		},
		events: []map[string]any{
			{"seq": 1, "at": "2026-01-02T00:00:00Z", "kind": "create", "party": "source", "key": "warehouse", "key_id": 7, "to": "validating", "detail": map[string]any{"size": 1234567, "sims": []string{"1", "2"}, "reason": "not ordered"}},
			{"seq": 2, "at": "2026-01-02T00:00:01Z", "kind": "validate", "party": "system"},
			{"seq": 3, "at": "2026-01-02T00:00:02Z", "kind": "offer", "party": "system", "to": "awaiting_acceptance"},
		},
	}
}

func TestWatchShowsEventsAndProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := moving(0)
		s.busy = 3
		c := newTerminal(t, s.ServeHTTP)
		c.is(c.run("requests", "watch", someRequest), cli.ExitOK)
		want := `Title of busy; retrying
Title of busy; retrying
Title of busy; retrying
2026-01-02 00:00:00Z  create by source (key 7 "warehouse"): validating (reason=not ordered sims=["1","2"] size=1234567)
2026-01-02 00:00:01Z  validate by system
validating: 30 %
2026-01-02 00:00:02Z  offer by system: awaiting_acceptance
waiting for destination until 2026-01-03 00:00:00Z
transferring: 50 %
`
		if got := c.err.String(); got != want {
			t.Errorf("said\n%s\nnot\n%s", got, want)
		}
		if !strings.Contains(c.out.String(), "1000: 1000 completed") {
			t.Errorf("printed\n%s", c.out.String())
		}
	})
}

func TestWatchOnATerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newTerminal(t, moving(0).ServeHTTP)
		c.Terminal, c.Width = true, 40
		c.is(c.run("requests", "watch", someRequest), cli.ExitOK)
		longest := 0
		for line := range strings.FieldsFuncSeq(c.err.String(), func(r rune) bool { return r == '\r' || r == '\n' }) {
			if !strings.HasPrefix(line, "2026") {
				longest = max(longest, len([]rune(line)))
			}
		}
		if got := c.err.String(); longest != 39 || !strings.Contains(got, "[███") || !strings.Contains(got, "\rwaiting for destination until 2026-01-…\r") {
			t.Errorf("%d characters at most in\n%q", longest, got)
		}
	})
}

func TestExitCodeOfWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newTerminal(t, moving(100).ServeHTTP)
		c.is(c.run("requests", "watch", someRequest), cli.ExitIncomplete, "100 of 1000 SIMs were not transferred; for details: simtransfer requests show "+someRequest)
		c = newTerminal(t, moving(100).ServeHTTP)
		c.is(c.run("requests", "watch", someRequest, "--until=decision"), cli.ExitOK)
		if !strings.Contains(c.out.String(), "destination: accept or decline, until 2026-01-03 00:00:00Z") {
			t.Errorf("printed\n%s", c.out.String())
		}
		c = newTerminal(t, moving(1000).ServeHTTP)
		c.is(c.run("requests", "watch", someRequest), cli.ExitIncomplete, "none of 1000 SIMs was transferred; for details: ")
		if !strings.Contains(c.out.String(), "no SIM transferred") {
			t.Errorf("printed\n%s", c.out.String())
		}
	})
}

func TestWatchPrintsEveryChangeAsJSON(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := moving(1)
		c := newTerminal(t, s.ServeHTTP)
		c.is(c.run("requests", "watch", someRequest, "--json"), cli.ExitIncomplete)
		var want bytes.Buffer
		for i, l := range s.looks {
			if i != 3 { // which is the same as the one before
				want.WriteString(toJSON(t, l) + "\n")
			}
		}
		c.prints(want.String())
		if c.err.Len() > 0 {
			t.Errorf("it says %s", c.err.String())
		}
	})
}

// Ctrl-C stops watching and prints the command to resume with.
func TestWatchIsInterrupted(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"requests", "watch", someRequest},
		{"batches", "watch", someBatch},
		{"requests", "watch", someRequest, "--json"},
		{"requests", "watch", someRequest, "--until=decision"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var made calls
			c := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
				made.note(r)
				_, _ = io.WriteString(w, `{"items":[]}`)
			})
			ctx, interrupt := context.WithCancel(t.Context())
			time.AfterFunc(10500*time.Millisecond, interrupt)
			code := c.runIn(ctx, args...)
			c.is(code, cli.ExitInterrupted, "the work continues", "To resume: simtransfer "+strings.Join(args, " ")+"\n")
			for _, call := range made.list {
				if !strings.HasPrefix(call, "GET ") {
					t.Errorf("it called %s", call)
				}
			}
		})
	}
}

// Watching ends when the service does not answer for too long.
func TestWatchGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := moving(0)
		s.busy = 1000
		c := newTerminal(t, s.ServeHTTP)
		c.is(c.run("requests", "watch", someRequest), cli.ExitUnavailable, "To resume: simtransfer requests watch "+someRequest)
	})
}

func TestSubmitAndWatchBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		counts := func(pending, eligible, completed int) map[string]int {
			return map[string]int{"sims": 10, "pending": pending, "eligible": eligible, "completed": completed, "ineligible": 1}
		}
		requests := func(waiting ...any) []map[string]any {
			list := make([]map[string]any, len(waiting))
			for i, who := range waiting {
				list[i] = map[string]any{"id": someRequest, "next_action": nextAction(who)}
			}
			return list
		}
		s := &story{looks: []map[string]any{
			{"id": someBatch, "counts": counts(10, 0, 0), "request_count": 2},
			{"id": someBatch, "counts": counts(5, 4, 0), "request_count": 2, "requests": requests(nil, "support")},
			{"id": someBatch, "counts": counts(0, 9, 0), "request_count": 2, "requests": requests("destination", "support")},
			{"id": someBatch, "counts": counts(0, 9, 0), "request_count": 2, "requests": requests("destination", "destination")},
			{"id": someBatch, "counts": counts(0, 6, 3), "request_count": 2, "requests": requests(nil, nil)},
			{"id": someBatch, "counts": counts(0, 0, 9), "request_count": 2, "finished": true},
		}}
		c := newTerminal(t, s.ServeHTTP)
		file := writeFile(t, "rows.ndjson", "{}")
		c.is(c.run("batches", "submit", file, "--watch"), cli.ExitIncomplete)
		want := `validating: 50 %
waiting for destination (1 request), support (1 request)
waiting for destination (2 requests)
transferring: 30 %
1 of 10 SIMs were not transferred; for details: simtransfer batches results ` + someBatch + "\n"
		if got := c.err.String(); got != want {
			t.Errorf("said\n%s\nnot\n%s", got, want)
		}
		s.looked = 1
		c.is(c.run("batches", "watch", someBatch, "--until=decision"), cli.ExitOK)
		if s.looked != 3 {
			t.Errorf("looked %d times", s.looked)
		}
	})
}

func TestEventsOfARequest(t *testing.T) {
	t.Parallel()
	const events = 203
	c := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
		var after, limit int
		_, _ = fmt.Sscan(r.URL.Query().Get("cursor"), &after)
		_, _ = fmt.Sscan(r.URL.Query().Get("limit"), &limit)
		var page struct {
			Items []map[string]any `json:"items"`
			Next  string           `json:"next_cursor,omitempty"`
		}
		for i := after + 1; i <= min(after+limit, events); i++ {
			page.Items = append(page.Items, map[string]any{"seq": i, "kind": "execute", "party": "system"})
		}
		if after+limit < events {
			page.Next = fmt.Sprint(after + limit)
		}
		_ = json.NewEncoder(w).Encode(page)
	})
	for args, want := range map[string]struct {
		lines int
		says  string
	}{
		"":                     {events, ""},
		"--all --limit=2":      {events, ""},
		"--limit=2":            {2, "--cursor=2\n"},
		"--limit=201":          {201, "--cursor=201\n"},
		"--limit=5 --cursor=9": {5, "--cursor=14\n"},
		"--cursor=200":         {3, ""},
	} {
		c.is(c.run(append([]string{"events", someRequest}, strings.Fields(args)...)...), 0, want.says)
		if lines := strings.Count(c.out.String(), "\n") - 1; lines != want.lines || want.says == "" && c.err.Len() > 0 {
			t.Errorf("%q: %d events, not %d; it says %q", args, lines, want.lines, c.err.String())
		}
	}
}

func TestFollowEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pages := map[string]string{
			"":    `{"items":[{"request":"0198c5f2-0000-7000-8000-00000000000a","at":"2026-01-02T00:00:00Z","kind":"create","party":"source","to":"validating","detail":{"size":3}}],"next_cursor":"1-1","more":true}`,
			"1-1": `{"items":[{"request":"0198c5f2-0000-7000-8000-00000000000b","at":"2026-01-02T00:00:01Z","kind":"create","party":"support","key":"desk","key_id":7,"address":"192.0.2.1"}],"next_cursor":"1-2","more":false}`,
			"1-2": `{"items":[],"next_cursor":"1-2","more":false}`,
		}
		c := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, pages[r.URL.Query().Get("cursor")]+"\n")
		})
		c.is(c.run("events", "--limit=1"), 0, "--cursor=1-1")
		c.is(c.run("events"), 0, "--cursor=1-2")
		table := `TIME                  REQUEST                               PARTY   EVENT   STATE       DETAIL
2026-01-02 00:00:00Z  0198c5f2-0000-7000-8000-00000000000a  source  create  validating  size=3
2026-01-02 00:00:01Z  0198c5f2-0000-7000-8000-00000000000b  support (key 7 "desk", 192.0.2.1)  create  -           -
`
		c.prints(table)
		ctx, interrupt := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, interrupt)
		c.is(c.runIn(ctx, "events", "--follow", "--account=OP0000000001"), cli.ExitInterrupted, "simtransfer events --follow --account=OP0000000001 --cursor=1-2\n")
		c.prints(table)
		ctx, interrupt = context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, interrupt)
		c.is(c.runIn(ctx, "events", "--follow", "--json"), cli.ExitInterrupted, "simtransfer events --follow --cursor=1-2 --json\n")
		c.prints(pages[""] + "\n" + pages["1-1"] + "\n")
	})
}

// While events are withheld, the command says so, once for each cause, with --json
// too.
func TestWithheldEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, flags := range [][]string{nil, {"--json"}} {
			polls := 0
			c := newTerminal(t, func(w http.ResponseWriter, _ *http.Request) {
				polls++
				withheld := ""
				switch {
				case polls < 3:
				case polls < 6:
					withheld = `,"withheld":true,"withheld_by":["process 12 (psql) of user ops"]`
				case polls < 9:
					withheld = `,"withheld":true`
				}
				_, _ = io.WriteString(w, `{"items":[],"next_cursor":"1-2","more":false`+withheld+"}\n")
			})
			ctx, interrupt := context.WithCancel(t.Context())
			time.AfterFunc(time.Minute, interrupt)
			c.is(c.runIn(ctx, append([]string{"events", "--follow"}, flags...)...), cli.ExitInterrupted,
				"Later events are withheld until a transaction ends that is open in the database: process 12 (psql) of user ops\n"+
					"Later events are withheld until a transaction ends that is open in the database. They follow in order.\n"+
					"Stopped watching")
			if n := strings.Count(c.err.String(), "withheld"); n != 2 {
				t.Errorf("%v: said %d times:\n%s", flags, n, c.err.String())
			}
		}
	})
}

// Amounts of events are shown in the major unit of their currency.
func TestAmountsOfEvents(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"items":[{"seq":1,"at":"2026-01-02T00:00:00Z","kind":"approve","party":"support","detail":{"fee":{"amount":"2.50","minor":250,"currency":"EUR"},"ticket":"T"}},`+
			`{"seq":2,"at":"2026-01-02T00:00:00Z","kind":"approve","party":"support","detail":{"fee":{"amount":"250","minor":250,"currency":"JPY"}}},`+
			`{"seq":3,"at":"2026-01-02T00:00:00Z","kind":"x","party":"support","detail":{"currency":"JPY"}}]}`)
	})
	c.is(c.run("events", someRequest), 0)
	for _, want := range []string{"fee=2.50 EUR ticket=T\n", "  fee=250 JPY\n", "  currency=JPY\n"} {
		if !strings.Contains(c.out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, c.out.String())
		}
	}
}
