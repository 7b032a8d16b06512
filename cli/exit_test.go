package cli_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"simtransfer/cli"
)

const (
	someRequest = "0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21"
	someBatch   = "0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c22"
)

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		code   string
		exit   int
		tries  int
		unsure bool // whether it was carried out
	}{
		{400, "malformed", cli.ExitFailed, 1, false},
		{401, "unauthenticated", cli.ExitUnauthorized, 1, false},
		{403, "wrong_party", cli.ExitUnauthorized, 1, false},
		{404, "not_found", cli.ExitNotFound, 1, false},
		{408, "slow", cli.ExitFailed, 1, true},
		{409, "request_state", cli.ExitConflict, 1, false},
		{409, "still_running", cli.ExitConflict, 6, true},
		{412, "precondition_failed", cli.ExitConflict, 1, false},
		{413, "too_large", cli.ExitFailed, 1, false},
		{422, "invalid", cli.ExitFailed, 1, false},
		{429, "too_many", cli.ExitUnavailable, 6, true},
		{500, "internal", cli.ExitFailed, 1, true},
		{502, "proxy", cli.ExitUnavailable, 6, true},
		{503, "busy", cli.ExitUnavailable, 6, true},
		{504, "timeout", cli.ExitUnavailable, 6, true},
	} {
		t.Run(c.code, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var made calls
				term := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
					made.note(r)
					w.Header().Set("Retry-After", "1")
					problem(w, c.status, c.code)
				})
				term.is(term.run("requests", "cancel", someRequest), c.exit, "Title of "+c.code)
				if len(made.list) != c.tries || len(made.keys) != 1 || made.keys[""] != 0 {
					t.Errorf("%d calls, not %d, with the keys %v", len(made.list), c.tries, made.keys)
				}
				for key := range made.keys {
					if tells := strings.Contains(term.err.String(), "To repeat it safely, add --idempotency-key="+key); tells != c.unsure {
						t.Errorf("it tells the key: %v\n%s", tells, term.err.String())
					}
				}
				term.is(term.run("requests", "cancel", someRequest, "--json", "--idempotency-key=mine"), c.exit, `"code":"`+c.code+`"`)
				if tells := strings.HasSuffix(term.err.String(), "\n"+`{"idempotency_key":"mine"}`+"\n"); tells != c.unsure {
					t.Errorf("it tells programs the key: %v\n%s", tells, term.err.String())
				}
				if term.out.Len() > 0 || strings.Contains(term.err.String(), "retrying") {
					t.Errorf("for programs: %s%s", term.out.String(), term.err.String())
				}
			})
		})
	}
}

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(http.ResponseWriter, *http.Request) { t.Error("it was called") })
	for _, args := range [][]string{
		{"nonsense"},
		{"sims", "show", "nonsense"},
		{"sims", "import", "nowhere.csv"},
		{"sims", "import", "-"},
		{"sims", "import", "sims.xlsx"},
		{"requests", "show", "nonsense"},
		{"events", "nonsense"},
		{"requests", "cancel", someRequest, "--idempotency-key="},
		{"requests", "cancel", someRequest, "--idempotency-key=a\nb"},
		{"requests", "cancel", someRequest, "--idempotency-key=é"},
		{"requests", "create", "--to-email=sims@example.com", "--to-operator=OP0000000002"},
		{"requests", "create", "--to-email=sims@example.com", "--to-operator=OP2", "001010000000000"},
		{"requests", "create", "--to-email=sims@example.com", "001010000000000"},
		{"requests", "create", "001010000000000"},
		{"requests", "create", "--to-same-as=" + someRequest, "--to-operator=OP0000000002", "001010000000000"},
		{"sims", "change", "001010000000000", "--filter=lot=a", "--set=group=x"},
		{"requests", "approve", someRequest, "--ticket=1", "--fee=7,50", "--fee-reason=x"},
		{"requests", "approve", someRequest, "--ticket=1", "--fee=-1", "--fee-reason=x"},
		{"fees", "set", "EUR", "7,50"},
		{"fees", "set", "EUR", "2.505"},
		{"fees", "set", "JPY", "2.50"},
		{"fees", "set", "EUR", "2.50 USD"},
		{"fees", "set", "ERU", "2.50"},
		{"fees", "set", "EUR", "2.50", "--from=tomorrow"},
		{"accounts", "create", "OP0000000001", "--email=a@example.com", "--currency=ERU", "--coverage=x"},
		{"requests", "list", "--since=2030-02-30"},
		{"batches", "list", "--before=31.01.2030"},
		{"requests", "accept", someRequest, "--file=-"}, // which is empty, and must not mean all
		{"requests", "approve", someRequest, "--ticket=1", "--fee=0"},
		{"events", "--follow", "--limit=1"},
		{"events", someRequest, "--follow"},
		{"accounts", "update", "OP0000000001"},
		{"keys", "create", "--role=admin", "--name=x", "--account=OP0000000001"},
		{"plans", "set", "global-01"},
	} {
		if code := c.run(args...); code != cli.ExitUsage || c.err.Len() == 0 {
			t.Errorf("%q: exit code %d: %s", args, code, c.err.String())
		}
	}
}

// A call that gets no answer is repeated unchanged. If all attempts fail, the
// error contains the Idempotency-Key to repeat the command with.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var made calls
		c := newTerminal(t, nil)
		c.HTTP.Transport = failing(func(r *http.Request) { made.note(r) })
		start := time.Now()
		c.is(c.run("requests", "deny", someRequest, "--reason=no", "--idempotency-key=mine"), cli.ExitUnavailable,
			service+" does not answer: no route", "retrying", "may or may not", "--idempotency-key=mine")
		if len(made.list) != 6 || made.keys["mine"] != 6 {
			t.Errorf("%d calls with the keys %v", len(made.list), made.keys)
		}
		for _, call := range made.list {
			if call != made.list[0] || !strings.HasSuffix(call, `{"reason":"no"}`) {
				t.Errorf("called %q, and then %q", made.list[0], call)
			}
		}
		if took := time.Since(start); took < 10*time.Second || took > time.Minute {
			t.Errorf("it took %s", took)
		}
	})
}

// The timeout of a call about up to a million SIMs is as long as the service may
// take.
func TestBulkCallsHaveALongTimeout(t *testing.T) {
	t.Parallel()
	for args, least := range map[string]time.Duration{
		"requests retry " + someRequest:  10 * time.Minute,
		"batches cancel " + someBatch:    10 * time.Minute,
		"requests cancel " + someRequest: 30 * time.Second,
	} {
		c := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
			if end, limited := r.Context().Deadline(); !limited || time.Until(end) < least {
				t.Errorf("%s: it is waited for until %v", args, end)
			}
			_, _ = io.WriteString(w, "{}")
		})
		c.is(c.run(strings.Fields(args)...), cli.ExitOK)
	}
}

// After Ctrl-C during a call, the error contains the Idempotency-Key.
func TestInterruptedCall(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	c := newTerminal(t, nil)
	c.HTTP.Transport = failing(func(*http.Request) { interrupt() })
	c.is(c.runIn(ctx, "batches", "submit", writeFile(t, "rows.csv", "sim"), "--idempotency-key=mine"), cli.ExitInterrupted,
		"interrupted", "--idempotency-key=mine")
}

// failing is a transport that reads a request and then fails.
type failing func(*http.Request)

func (f failing) RoundTrip(r *http.Request) (*http.Response, error) {
	f(r)
	_ = r.Body.Close()
	return nil, errors.New("no route")
}

// An upload is repeated if its file can seek. A pipe cannot.
func TestUploadIsRepeated(t *testing.T) {
	t.Parallel()
	const rows = "sim,destination_email,destination_operator_id\n1,2,3\n"
	for _, piped := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var made calls
			c := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
				made.note(r)
				if len(made.list) < 3 {
					problem(w, 503, "busy")
					return
				}
				_, _ = io.WriteString(w, `{"id":"`+someBatch+`"}`)
			})
			if piped {
				c.In = io.LimitReader(strings.NewReader(rows), 1000)
				c.is(c.run("batches", "submit", "-", "--format=csv"), cli.ExitUnavailable)
			} else {
				c.is(c.run("batches", "submit", writeFile(t, "rows.csv", rows)), cli.ExitOK)
			}
			want := map[bool]int{false: 3, true: 1}[piped]
			if len(made.list) != want || len(made.keys) != 1 {
				t.Errorf("piped %v: %d calls, not %d", piped, len(made.list), want)
			}
			for _, call := range made.list {
				if call != "POST /v1/batches "+strings.TrimSpace(rows) {
					t.Errorf("sent %q", call)
				}
			}
		})
	}
}

// The service receives the first rows before the last ones are written.
func TestUploadStreams(t *testing.T) {
	t.Parallel()
	arrived := make(chan string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first := make([]byte, 6)
		if _, err := io.ReadFull(r.Body, first); err != nil {
			t.Error(err)
		}
		arrived <- string(first)
		rest, err := io.ReadAll(r.Body)
		if err != nil || string(rest) != "second" {
			t.Errorf("then %q, %v", rest, err)
		}
		w.Header().Set("Simtransfer-Version", "test")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"imported":2}`)
	}))
	t.Cleanup(server.Close)
	c := newTerminal(t, nil)
	c.HTTP = server.Client()
	in, out := io.Pipe()
	c.In = in
	go func() {
		_, _ = io.WriteString(out, "first\n") // fails if the command has ended, which is noticed below
		select {
		case <-arrived:
		case <-t.Context().Done():
		}
		_, _ = io.WriteString(out, "second")
		_ = out.Close()
	}()
	c.is(c.run("sims", "import", "-", "--format=ndjson", "--url="+server.URL), 0, "2 SIMs imported")
}

func TestUploadHasAContentLength(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 5 || r.Header.Get("Content-Type") != "text/csv" {
			t.Errorf("%d bytes of %s", r.ContentLength, r.Header.Get("Content-Type"))
		}
		_, _ = io.WriteString(w, `{"imported":0}`)
	})
	f, err := os.Open(writeFile(t, "x", "12345"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	c.In = f
	c.is(c.run("sims", "import", "-", "--format=csv"), 0)
}

func TestProblemsArePrintedWithTheirErrors(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(w http.ResponseWriter, _ *http.Request) {
		problem(w, 422, "invalid_lines", `,"detail":"3 errors to fix","errors":[`,
			`{"line":7,"message":"\"x\" is not a SIM","value":"x"},`,
			`{"line":1,"row":8,"message":"taken","value":"12"},`,
			`{"location":"body.sims[3]","message":"missing"}],"more_errors":5`)
	})
	c.is(c.run("sims", "import", writeFile(t, "x.json", "[]")), 1)
	want := "Title of invalid_lines: 3 errors to fix\n  line 7: \"x\" is not a SIM\n  row 8: taken (\"12\")\n  body.sims[3]: missing\n  and 5 more\n"
	if got := c.err.String(); got != want {
		t.Errorf("printed\n%s\nnot\n%s", got, want)
	}
}
